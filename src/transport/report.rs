//! What a flush did.

use std::{fmt, time::Duration};

use crate::error::Error;

/// What a flush did: how many spans arrived, how many wait for the next flush, how many are lost.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
///
/// let report = warmspan::Sdk::disabled().force_flush(Duration::from_secs(1)).await;
/// assert!(report.is_complete());
/// assert_eq!(report.delivered(), 0);
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a flush that failed says so only here"]
pub struct FlushReport {
    pub(crate) delivered: usize,
    pub(crate) kept: usize,
    pub(crate) waiting: usize,
    pub(crate) lost: usize,
    pub(crate) requests: usize,
    pub(crate) bytes: usize,
    pub(crate) elapsed: Duration,
    pub(crate) skipped: bool,
    pub(crate) last_error: Option<Error>,
}

impl FlushReport {
    /// Whether everything that had to leave has arrived.
    pub fn is_complete(&self) -> bool {
        self.kept == 0 && self.lost == 0
    }

    /// Spans that the back-end has, also those that another flush carried for this one.
    pub fn delivered(&self) -> usize {
        self.delivered
    }

    /// Spans that are kept for the next flush.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Spans that wait in the queue in all, those of earlier invocations included; without those of
    /// traces that are still to be [decided](crate::Config::keep_errors).
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Spans lost during this flush; [`Sdk::losses`](crate::Sdk::losses) has the reasons.
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// Requests that this flush itself made.
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// Bytes of request bodies that this flush itself sent.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How long it took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Whether nothing was tried: the back-end failed twice in a row less than 30 s ago, or no time was left.
    pub fn is_skipped(&self) -> bool {
        self.skipped
    }

    /// The last thing that went wrong.
    pub fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }
}

impl fmt::Display for FlushReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} spans delivered", self.delivered)?;
        if self.kept > 0 {
            write!(f, ", {} kept for the next flush", self.kept)?;
        }
        if self.waiting > self.kept {
            write!(f, " ({} waiting in all)", self.waiting)?;
        }
        if self.lost > 0 {
            write!(f, ", {} lost", self.lost)?;
        }
        write!(f, " in {:.1} ms", self.elapsed.as_secs_f64() * 1e3)?;
        match &self.last_error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}
