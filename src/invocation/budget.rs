//! How long a flush may take.

use std::time::{Duration, SystemTime};

/// The instant by which an invocation must be over, if it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<SystemTime>);

impl Deadline {
    /// No platform has said when.
    #[cfg(feature = "http")]
    pub(crate) const UNKNOWN: Self = Self(None);

    /// A deadline that is past when the invocation begins is unknown, not zero:
    /// `cargo lambda watch` always names an instant in 1970.
    pub(crate) fn new(deadline: SystemTime, now: SystemTime) -> Self {
        Self((deadline > now).then_some(deadline))
    }

    /// The time left at `now`.
    pub(crate) fn remaining(self, now: SystemTime) -> Option<Duration> {
        self.0
            .map(|deadline| deadline.duration_since(now).unwrap_or_default())
    }

    /// What a flush may take at `now`: the configured timeout, and never what the platform needs
    /// to take the response.
    pub(crate) fn flush_budget(self, timeout: Duration, now: SystemTime) -> Duration {
        match self.remaining(now) {
            Some(left) => timeout.min(left.saturating_sub(RESERVE)),
            None => timeout,
        }
    }
}

/// Time left over for the response itself.
const RESERVE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    #[test]
    fn the_budget_is_the_smaller_of_timeout_and_time_left() {
        let deadline = Deadline::new(at(10_000), at(1_000));
        assert_eq!(deadline.flush_budget(TIMEOUT, at(1_000)), TIMEOUT);
        assert_eq!(
            deadline.flush_budget(TIMEOUT, at(9_500)),
            Duration::from_millis(400)
        );
        assert_eq!(deadline.flush_budget(TIMEOUT, at(9_950)), Duration::ZERO);
        assert_eq!(deadline.flush_budget(TIMEOUT, at(11_000)), Duration::ZERO);
    }

    #[test]
    fn a_deadline_in_the_past_is_unknown() {
        let deadline = Deadline::new(at(600_000), at(1_800_000_000_000));
        assert_eq!(
            deadline.flush_budget(TIMEOUT, at(1_800_000_000_000)),
            TIMEOUT
        );
        assert_eq!(deadline.remaining(at(1_800_000_000_000)), None);
    }
}
