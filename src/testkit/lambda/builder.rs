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

/// What `Lambda-Runtime-Deadline-Ms` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// The truth: the delivery plus the timeout.
    Real,
    /// This value in each invocation, in milliseconds since 1970. `cargo lambda watch` sends 600000,
    /// which is an instant in 1970.
    Raw(u64),
}

pub(super) struct Settings {
    pub(super) bootstrap: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) function_name: String,
    pub(super) memory_mb: u32,
    pub(super) timeout: Duration,
    pub(super) init_timeout: Duration,
    pub(super) initialization_type: String,
    pub(super) tenant_id: Option<String>,
    pub(super) deadline: Deadline,
    pub(super) freezes: bool,
    pub(super) max_concurrency: Option<usize>,
}

impl EmulatorBuilder {
    pub(super) fn new(bootstrap: PathBuf) -> Self {
        let settings = Settings {
            bootstrap,
            args: Vec::new(),
            env: Vec::new(),
            function_name: "testkit".to_owned(),
            memory_mb: 128,
            timeout: Duration::from_secs(30),
            init_timeout: Duration::from_secs(10),
            initialization_type: "on-demand".to_owned(),
            tenant_id: None,
            deadline: Deadline::Real,
            freezes: true,
            max_concurrency: None,
        };
        Self {
            settings,
            copy: None,
        }
    }

    /// Adds an argument to the command line. (A Lambda bootstrap gets none.)
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.settings.args.push(arg.into());
        self
    }

    /// Sets an environment variable, also one that the emulator would set. Of ours nothing is passed on.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.settings.env.push((name.into(), value.into()));
        self
    }

    /// The function's name; `testkit` if not given.
    pub fn function_name(mut self, name: impl Into<String>) -> Self {
        self.settings.function_name = name.into();
        self
    }

    /// What the function is told about its memory, in MB; 128 if not given. Not enforced.
    pub fn memory_mb(mut self, memory_mb: u32) -> Self {
        self.settings.memory_mb = memory_mb;
        self
    }

    /// The function's timeout, from delivery to the end of its phase; 30 s if not given.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// How long INIT may take; 10 s if not given, as on AWS.
    pub fn init_timeout(mut self, timeout: Duration) -> Self {
        self.settings.init_timeout = timeout;
        self
    }

    /// `AWS_LAMBDA_INITIALIZATION_TYPE`; `on-demand` if not given.
    ///
    /// With `on-demand` an event is waiting when INIT ends, so there is no freeze before the first
    /// invocation; with every other type there is.
    pub fn initialization_type(mut self, initialization_type: impl Into<String>) -> Self {
        self.settings.initialization_type = initialization_type.into();
        self
    }

    /// The tenant of every invocation; none if not given.
    pub fn tenant_id(mut self, tenant_id: impl Into<String>) -> Self {
        self.settings.tenant_id = Some(tenant_id.into());
        self
    }

    /// What the function is told about its deadline; the truth if not given.
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// Whether the process is stopped between invocations; yes if not given.
    pub fn freezes(mut self, freezes: bool) -> Self {
        self.settings.freezes = freezes;
        self
    }

    /// Delivers up to `workers` events at a time to one process, and sets
    /// `AWS_LAMBDA_MAX_CONCURRENCY`; one at a time, and the variable not set, if not given.
    pub fn max_concurrency(mut self, workers: usize) -> Self {
        self.settings.max_concurrency = Some(workers.max(1));
        self
    }

    /// Also writes the function's lines to `writer`, from the emulator's thread.
    pub fn copy_logs_to(mut self, writer: impl Write + Send + 'static) -> Self {
        self.copy = Some(Box::new(writer));
        self
    }

    /// Spawns the function and runs its INIT.
    ///
    /// # Errors
    ///
    /// If the binary cannot be spawned, or INIT fails or is not over in time.
    pub async fn start(self) -> Result<Emulator, EmulatorError> {
        Emulator::start(self.settings, Log::new(self.copy)).await
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment may hold keys.
        f.debug_struct("EmulatorBuilder")
            .field("bootstrap", &self.settings.bootstrap)
            .finish_non_exhaustive()
    }
}
