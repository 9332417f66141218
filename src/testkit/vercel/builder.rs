//! What is told to an emulator before it starts.

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::emulator::Emulator;
use super::error::EmulatorError;
use crate::testkit::log::Log;

/// Settings of an [`Emulator`].
#[must_use = "call `.start().await` to start the emulator"]
pub struct EmulatorBuilder {
    settings: Settings,
    copy: Option<Box<dyn Write + Send>>,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) executable: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) is_local: bool,
    pub(super) timeout: Duration,
}

impl EmulatorBuilder {
    pub(super) fn new(executable: PathBuf) -> Self {
        let settings = Settings {
            executable,
            args: Vec::new(),
            env: Vec::new(),
            is_local: false,
            timeout: Duration::from_secs(30),
        };
        Self {
            settings,
            copy: None,
        }
    }

    /// Adds an argument to the command line. (A function on Vercel gets none.)
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.settings.args.push(arg.into());
        self
    }

    /// Sets an environment variable, also one that the emulator would set. Of ours nothing is passed on.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.settings.env.push((name.into(), value.into()));
        self
    }

    /// Starts it as a developer does on a machine of their own: no socket, no variables of Vercel's,
    /// and no `end`.
    pub fn local(mut self) -> Self {
        self.settings.is_local = true;
        self
    }

    /// How long the function may take to listen, and after a response to say `end`; 30 s if not given.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Also writes the function's lines to `writer`, from the emulator's thread.
    pub fn copy_logs_to(mut self, writer: impl Write + Send + 'static) -> Self {
        self.copy = Some(Box::new(writer));
        self
    }

    /// Spawns the function and waits until it listens.
    ///
    /// # Errors
    ///
    /// If the executable cannot be spawned, exits or does not listen in time.
    pub async fn start(self) -> Result<Emulator, EmulatorError> {
        Emulator::start(self.settings, Log::new(self.copy)).await
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment may hold keys.
        f.debug_struct("EmulatorBuilder")
            .field("executable", &self.settings.executable)
            .finish_non_exhaustive()
    }
}
