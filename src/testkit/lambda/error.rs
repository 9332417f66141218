//! Why there is no function to invoke.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// There is no function to invoke: it was not spawned, or its INIT failed.
///
/// What goes wrong in an invocation is no error of the emulator's, but a part of its
/// [`Invocation`](super::Invocation).
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct EmulatorError(#[from] ErrorKind);

#[derive(Debug, thiserror::Error)]
pub(super) enum ErrorKind {
    #[error("the emulator's server could not be started on 127.0.0.1")]
    Server(#[source] io::Error),
    #[error("`{}` could not be spawned; build it first, and give the path of the binary", .path.display())]
    Spawn { path: PathBuf, source: io::Error },
    #[error(
        "the function exited in INIT ({status}) before it asked for an event; its last words:\n{logs}"
    )]
    InitExit { status: ExitStatus, logs: String },
    #[error("the function reported that its INIT failed: {error_type}: {message}")]
    InitReported { error_type: String, message: String },
    #[error(
        "INIT was not over after {limit:?}: the runtime and every registered extension must ask for \
         their next event; its last words:\n{logs}"
    )]
    InitTimeout { limit: Duration, logs: String },
    #[error(
        "the function exited {times} times between its INIT and the event; its last words:\n{logs}"
    )]
    Unstable { times: usize, logs: String },
    #[error("the emulator was shut down")]
    Gone,
}

impl EmulatorError {
    /// The binary could not be spawned.
    pub fn is_spawn(&self) -> bool {
        matches!(self.0, ErrorKind::Spawn { .. })
    }

    /// The function exited, reported an error or took too long before it asked for its first event.
    pub fn is_init(&self) -> bool {
        matches!(
            self.0,
            ErrorKind::InitExit { .. }
                | ErrorKind::InitReported { .. }
                | ErrorKind::InitTimeout { .. }
        )
    }

    /// How the process exited, if it exited in INIT.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        match self.0 {
            ErrorKind::InitExit { status, .. } => Some(status),
            _ => None,
        }
    }
}
