//! How the in-process `OpenAI` misbehaves.

use std::time::Duration;

/// What the in-process `OpenAI` does instead of its duty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Answers with this status and `OpenAI`'s error envelope.
    Status {
        /// The HTTP status code, 400 to 599; another one is answered as 500.
        code: u16,
        /// The value of the `Retry-After` header, in whole seconds.
        retry_after: Option<Duration>,
    },
    /// Reads the request and never answers.
    Hang,
    /// Reads the request and closes the connection without an answer.
    CloseBeforeResponse,
    /// Answers after this time.
    Slow(Duration),
    /// Sends this many events of a stream and cuts the connection. A request that is not for a stream
    /// is answered.
    CutStream {
        /// Events sent before the cut.
        after: usize,
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
