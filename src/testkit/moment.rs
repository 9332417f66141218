//! A point in time on both clocks.

use std::cmp::Ordering;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// A point in time on both clocks: the monotonic one orders and measures, the wall clock compares
/// with the timestamps inside spans.
///
/// Moments compare by the monotonic clock. That clock keeps running while a process is stopped.
#[derive(Clone, Copy)]
pub struct Moment {
    instant: Instant,
    system_time: SystemTime,
}

impl Moment {
    /// The present moment.
    pub fn now() -> Self {
        Self {
            instant: Instant::now(),
            system_time: SystemTime::now(),
        }
    }

    /// This moment on the monotonic clock.
    pub fn instant(self) -> Instant {
        self.instant
    }

    /// This moment on the wall clock.
    pub fn system_time(self) -> SystemTime {
        self.system_time
    }

    /// Time passed since `earlier`; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        self.instant.saturating_duration_since(earlier.instant)
    }
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.instant == other.instant
    }
}

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        self.instant.cmp(&other.instant)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.instant.fmt(f)
    }
}
