//! The emulator: one execution environment after the other.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::builder::{EmulatorBuilder, Settings};
use super::environment::Environment;
use super::error::{EmulatorError, ErrorKind};
use super::invocation::Invocation;
use super::shutdown::Shutdown;
use crate::testkit::log::{Log, LogLine};
use crate::testkit::shared::Shared;

/// So many environments may exit between INIT and the delivery of one event.
const ATTEMPTS: usize = 3;

/// A Lambda function in an emulated execution environment.
///
/// Dropping it kills the whole process group, stopped or not, and waits for its end. If the emulator's
/// own process is killed, a stopped function gets `SIGHUP` from the kernel, as its group is orphaned.
pub struct Emulator {
    settings: Arc<Settings>,
    log: Log,
    record: Shared<Record>,
    current: Mutex<Option<Arc<Environment>>>,
}

/// What is known of all environments.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) refused: Vec<String>,
    pub(super) extensions: Vec<String>,
    pub(super) inits: usize,
    pub(super) process_id: Option<u32>,
    pub(super) frozen: bool,
}

impl Record {
    /// A new environment begins.
    pub(super) fn begin(&mut self) {
        self.inits += 1;
        self.extensions.clear();
    }

    /// The environment's process is as good as gone.
    pub(super) fn end(&mut self) {
        self.process_id = None;
        self.frozen = false;
    }
}

impl Emulator {
    /// Settings for an emulator that runs this binary.
    pub fn builder(bootstrap: impl Into<PathBuf>) -> EmulatorBuilder {
        EmulatorBuilder::new(bootstrap.into())
    }

    /// Invokes the function, and returns when the phase has ended (and the function is frozen).
    ///
    /// Where the last environment has ended (by a timeout or an exit), a new one is initialised first.
    /// Invocations at the same time wait for each other, except with
    /// [`max_concurrency`](EmulatorBuilder::max_concurrency).
    ///
    /// # Errors
    ///
    /// Only if no new environment could be initialised, or none lived to see the event. An error, exit or timeout of the function
    /// is the [`result`](Invocation::result) of an invocation.
    pub async fn invoke(&self, payload: impl Into<Bytes>) -> Result<Invocation, EmulatorError> {
        let payload = payload.into();
        for _ in 0..ATTEMPTS {
            // An environment that ends before the event is delivered leaves it to the next one.
            if let Some(invocation) = self.environment().await?.invoke(payload.clone()).await {
                return Ok(invocation);
            }
        }
        Err(ErrorKind::Unstable {
            times: ATTEMPTS,
            logs: self.log.tail(),
        }
        .into())
    }

    /// Leaves the function as it is (frozen, usually) for this long, in real time.
    pub async fn stay_frozen(&self, time: Duration) {
        match self.alive().await {
            Some(environment) => environment.pass(time).await,
            None => tokio::time::sleep(time).await,
        }
    }

    /// Ends the environment by AWS's rules: `SIGKILL` at once where no extension has registered; else
    /// `SIGTERM`, and `SIGKILL` after 500 ms.
    pub async fn shutdown(self) -> Shutdown {
        let nothing_to_do = Shutdown {
            sigterm: false,
            sigkill: false,
            exit: None,
            duration: Duration::ZERO,
        };
        match self.alive().await {
            Some(environment) => environment.shutdown().await.unwrap_or(nothing_to_do),
            None => nothing_to_do,
        }
    }

    /// What the function has written, the last 10,000 lines of all its environments.
    pub fn logs(&self) -> Vec<LogLine> {
        self.log.lines()
    }

    /// Whether the function is stopped now.
    pub fn is_frozen(&self) -> bool {
        self.record.lock().frozen
    }

    /// The process id of the current environment's bootstrap, which is its process group's id as well.
    pub fn process_id(&self) -> Option<u32> {
        self.record.lock().process_id
    }

    /// How many environments were initialised so far, or tried to be.
    pub fn inits(&self) -> usize {
        self.record.lock().inits
    }

    /// The names of the current environment's extensions.
    pub fn extensions(&self) -> Vec<String> {
        self.record.lock().extensions.clone()
    }

    /// Requests that were refused, as `POST /path: why`: unknown paths, and calls that the Runtime or
    /// Extensions API does not allow at that time.
    pub fn refused_requests(&self) -> Vec<String> {
        self.record.lock().refused.clone()
    }

    pub(super) async fn start(settings: Settings, log: Log) -> Result<Self, EmulatorError> {
        let emulator = Self {
            settings: Arc::new(settings),
            log,
            record: Shared::default(),
            current: Mutex::new(None),
        };
        emulator.environment().await?;
        Ok(emulator)
    }

    /// The current environment, or a new one.
    async fn environment(&self) -> Result<Arc<Environment>, EmulatorError> {
        let mut current = self.current.lock().await;
        if let Some(environment) = current
            .as_ref()
            .filter(|environment| environment.is_alive())
        {
            return Ok(Arc::clone(environment));
        }
        *current = None;
        let environment = Environment::init(&self.settings, &self.log, &self.record).await?;
        Ok(Arc::clone(current.insert(Arc::new(environment))))
    }

    async fn alive(&self) -> Option<Arc<Environment>> {
        self.current
            .lock()
            .await
            .as_ref()
            .filter(|environment| environment.is_alive())
            .cloned()
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("record", &*self.record.lock())
            .finish_non_exhaustive()
    }
}
