//! What was lost, and why.

use std::fmt;

/// Spans lost since the SDK was made, by reason. Nothing that was recorded is lost uncounted.
///
/// ```
/// let sdk = warmspan::Sdk::disabled();
/// assert_eq!(sdk.losses().total(), 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    counts: [usize; REASONS.len()],
}

impl Losses {
    /// All spans lost.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Spans that did not fit into the queue while the back-end was away.
    pub fn queue_full(&self) -> usize {
        self.count(Reason::QueueFull)
    }

    /// Spans that the back-end refused: wrong keys, or a request that it cannot read.
    pub fn refused(&self) -> usize {
        self.count(Reason::Refused)
    }

    /// Spans that are too large for the back-end even one by one.
    pub fn too_large(&self) -> usize {
        self.count(Reason::TooLarge)
    }

    /// Spans that the back-end took and then rejected (OTLP partial success).
    pub fn rejected(&self) -> usize {
        self.count(Reason::Rejected)
    }

    /// Spans that could not be encoded.
    pub fn not_encoded(&self) -> usize {
        self.count(Reason::NotEncoded)
    }

    /// Spans that nobody sent before the SDK was shut down or dropped.
    pub fn abandoned(&self) -> usize {
        self.count(Reason::Abandoned)
    }

    pub(super) fn add(&mut self, reason: Reason, spans: usize) {
        if let Some(count) = self.counts.get_mut(reason as usize) {
            *count += spans;
        }
    }

    fn count(&self, reason: Reason) -> usize {
        self.counts
            .get(reason as usize)
            .copied()
            .unwrap_or_default()
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.total() == 0 {
            return f.write_str("nothing lost");
        }
        let mut separator = "";
        for (reason, name) in REASONS {
            let count = self.count(*reason);
            if count > 0 {
                write!(f, "{separator}{count} {name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// Why spans were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    QueueFull,
    Refused,
    TooLarge,
    Rejected,
    NotEncoded,
    Abandoned,
}

const REASONS: &[(Reason, &str)] = &[
    (Reason::QueueFull, "did not fit the queue"),
    (Reason::Refused, "refused"),
    (Reason::TooLarge, "too large"),
    (Reason::Rejected, "rejected"),
    (Reason::NotEncoded, "not encoded"),
    (Reason::Abandoned, "abandoned"),
];
