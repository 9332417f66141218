//! Why there is no answer.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The function was not started, or did not answer over HTTP.
///
/// A response with a status of failure is an answer, and no error of the emulator's.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct EmulatorError(#[from] ErrorKind);

#[derive(Debug, thiserror::Error)]
pub(super) enum ErrorKind {
    #[error("the emulator's socket could not be made")]
    Socket(#[source] io::Error),
    #[error("`{}` could not be spawned; build it first, and give the path of the binary", .path.display())]
    Spawn { path: PathBuf, source: io::Error },
    #[error("the function exited before it listened; its last words:\n{logs}")]
    Exited { logs: String },
    #[error("the function did not listen within {limit:?}; its last words:\n{logs}")]
    Silent { limit: Duration, logs: String },
    #[error("the function cannot be connected to")]
    Connect(#[source] io::Error),
    #[error("the function did not answer, or not to the end")]
    Http(#[from] hyper::Error),
}

impl EmulatorError {
    /// The binary could not be spawned, exited at once or did not listen in time.
    pub fn is_start(&self) -> bool {
        !matches!(self.0, ErrorKind::Connect(_) | ErrorKind::Http(_))
    }
}
