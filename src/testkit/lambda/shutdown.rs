//! How an execution environment ends.

use std::process::ExitStatus;
use std::time::Duration;

/// How long an environment with an internal extension has between `SIGTERM` and `SIGKILL`. (One with an
/// external extension has 2,000 ms; the emulator starts none. One without any has nothing: no `SIGTERM`.)
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// How an execution environment ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Shutdown {
    /// Whether `SIGTERM` was sent: only where an extension had registered.
    pub sigterm: bool,
    /// Whether `SIGKILL` had to be sent.
    pub sigkill: bool,
    /// How the process exited; `None` if it was gone before, or could not be waited for.
    pub exit: Option<ExitStatus>,
    /// From the first signal to the exit.
    pub duration: Duration,
}
