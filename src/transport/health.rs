//! Whether it is worth making a response wait for the back-end.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// Remembers how the last flushes went.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: u32,
    last_attempt: Option<Instant>,
    not_before: Option<(Instant, Error)>,
}

impl Health {
    /// Whether so many flushes in a row failed that there is a cool-down.
    pub(super) fn is_failing(&self) -> bool {
        self.failures >= TOLERATED_FAILURES
    }

    /// Whether the next invocation should not wait. Once per [`COOL_DOWN`] the answer is no, and
    /// that invocation probes for all.
    pub(super) fn is_cooling_down(&mut self, now: Instant) -> bool {
        if !self.is_failing() {
            return false;
        }
        let recent = self
            .last_attempt
            .is_some_and(|at| now.saturating_duration_since(at) < COOL_DOWN);
        if !recent {
            self.last_attempt = Some(now);
        }
        recent
    }

    /// The back-end asked not to be called yet.
    pub(super) fn postponed(&mut self, now: Instant) -> Option<(Duration, Error)> {
        let (until, error) = self.not_before.as_ref()?;
        let left = until
            .checked_duration_since(now)
            .filter(|left| !left.is_zero());
        if let Some(left) = left {
            return Some((left, error.clone()));
        }
        self.not_before = None;
        None
    }

    pub(super) fn postpone(&mut self, until: Instant, error: Error) {
        self.not_before = Some((until, error));
    }

    /// Remembers how a flush went that began at `started`. Flushes that overlap met the same
    /// trouble, which counts once. Returns the failures in a row if this is a new one.
    pub(super) fn record(
        &mut self,
        started: Instant,
        now: Instant,
        succeeded: bool,
    ) -> Option<u32> {
        let is_new = self.last_attempt.is_none_or(|last| last <= started) || self.failures == 0;
        if succeeded {
            self.failures = 0;
        } else if is_new {
            self.failures = self.failures.saturating_add(1);
        }
        self.last_attempt = Some(now);
        (!succeeded && is_new).then_some(self.failures)
    }
}

/// Failed flushes in a row after which invocations stop waiting.
pub(super) const TOLERATED_FAILURES: u32 = 2;

/// How long invocations do not wait, and how often one probes.
pub(super) const COOL_DOWN: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_two_failures_one_flush_per_30_seconds_probes() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut health = Health::default();
        health.record(at(0), at(1), false);
        assert!(!health.is_cooling_down(at(1)), "one failure is no pattern");
        assert_eq!(
            health.record(at(0), at(1), false),
            None,
            "it overlapped with the first"
        );
        assert!(!health.is_cooling_down(at(1)));
        health.record(at(1), at(1), false);
        assert!(health.is_cooling_down(at(2)));
        assert!(!health.is_cooling_down(at(31)), "the probe");
        assert!(
            health.is_cooling_down(at(32)),
            "others do not wait for the probe"
        );
        health.record(at(32), at(33), true);
        assert!(!health.is_cooling_down(at(34)));
    }

    #[test]
    fn a_postponement_ends() {
        let start = Instant::now();
        let mut health = Health::default();
        health.postpone(start + Duration::from_secs(5), Error::disabled());
        assert_eq!(
            health.postponed(start).map(|(left, _)| left),
            Some(Duration::from_secs(5))
        );
        assert!(health.postponed(start + Duration::from_secs(5)).is_none());
        assert!(
            health.postponed(start).is_none(),
            "it is forgotten once over"
        );
    }
}
