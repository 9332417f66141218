//! How the in-process Langfuse misbehaves.

use std::time::Duration;

/// What the in-process Langfuse does instead of its duty. The request is kept in every case, its spans
/// only where the answer is a success.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Answers with this status and accepts nothing.
    Status {
        /// The HTTP status code, 200 to 599; another one is answered as 500.
        code: u16,
        /// The value of the `Retry-After` header, in whole seconds.
        retry_after: Option<Duration>,
    },
    /// Reads the request and never answers.
    Hang,
    /// Reads the request and closes the connection without an answer.
    CloseBeforeResponse,
    /// Accepts the request, and answers after this time.
    Slow(Duration),
    /// Answers 200 with an OTLP `partial_success` that rejects this many spans. (Langfuse itself never
    /// does; a Collector may.)
    PartialSuccess {
        /// How many spans the answer claims to have rejected. All of them are kept here.
        rejected: i64,
    },
}

impl Fault {
    /// A status without `Retry-After`.
    pub fn status(code: u16) -> Self {
        Self::Status {
            code,
            retry_after: None,
        }
    }
}
