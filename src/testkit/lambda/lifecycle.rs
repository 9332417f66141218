//! The life of an execution environment: INIT, events, freezes, the end.

use std::collections::VecDeque;
use std::future::Future;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use nix::sys::signal::Signal;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::api::{Answered, Call, Event, Refusal, Reply};
use super::builder::{Deadline, Settings};
use super::emulator::Record;
use super::error::ErrorKind;
use super::extension::Extension;
use super::ids::{uuid, xray_trace_id};
use super::invocation::{FunctionError, Invocation, PhaseEnd};
use super::running::Running;
use super::shutdown::{GRACE, Shutdown};
use crate::testkit::Moment;
use crate::testkit::log::Log;
use crate::testkit::process::Process;
use crate::testkit::shared::Shared;

/// How long the last requests of a process that has exited are read.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// What the emulator's user wants.
pub(super) enum Order {
    /// Invoke the function.
    Invoke {
        payload: Bytes,
        reply: oneshot::Sender<Invocation>,
    },
    /// End by AWS's rules.
    Shutdown { reply: oneshot::Sender<Shutdown> },
    /// End at once.
    Kill,
}

/// The state of an environment. All of it changes here, on one task.
pub(super) struct Lifecycle {
    settings: Arc<Settings>,
    process: Process,
    log: Log,
    record: Shared<Record>,
    started: Moment,
    /// How long INIT took, once it is over.
    init: Option<Duration>,
    initialised: Option<oneshot::Sender<Result<(), ErrorKind>>>,
    cold: bool,
    frozen: bool,
    waiting: VecDeque<(Bytes, oneshot::Sender<Invocation>)>,
    running: Vec<Running>,
    parked: VecDeque<Reply<Event>>,
    extensions: Vec<Extension>,
}

/// Why a process's life is over.
enum End {
    Exited(ExitStatus),
    TimedOut(Instant),
    InitFailed(ErrorKind),
    Killed,
}

impl Lifecycle {
    pub(super) fn new(
        settings: Arc<Settings>,
        process: Process,
        started: Moment,
        initialised: oneshot::Sender<Result<(), ErrorKind>>,
        record: Shared<Record>,
        log: Log,
    ) -> Self {
        Self {
            settings,
            process,
            log,
            record,
            started,
            init: None,
            initialised: Some(initialised),
            cold: true,
            frozen: false,
            waiting: VecDeque::new(),
            running: Vec::new(),
            parked: VecDeque::new(),
            extensions: Vec::new(),
        }
    }

    /// Lives until the process is gone. `closed` is ready once none of its connections is open.
    pub(super) async fn run(
        mut self,
        mut calls: mpsc::UnboundedReceiver<Call>,
        mut orders: mpsc::UnboundedReceiver<Order>,
        closed: impl Future<Output = ()>,
    ) {
        let end = loop {
            self.progress();
            let (alarm, what) = self.alarm();
            tokio::select! {
                Some(call) = calls.recv() => {
                    if let Some(error) = self.answer(call) {
                        break End::InitFailed(error);
                    }
                }
                Some(order) = orders.recv() => match order {
                    Order::Invoke { payload, reply } => self.waiting.push_back((payload, reply)),
                    Order::Shutdown { reply } => {
                        // A user who does not wait for the report does not want it.
                        reply.send(self.shut_down().await).ok();
                        break End::Killed;
                    }
                    Order::Kill => break End::Killed,
                },
                status = self.process.wait() => break match status {
                    Ok(status) => End::Exited(status),
                    Err(_) => End::Killed,
                },
                () = sleep_until(alarm) => break match what {
                    Alarm::Init => End::InitFailed(ErrorKind::InitTimeout {
                        limit: self.settings.init_timeout,
                        logs: String::new(),
                    }),
                    Alarm::Function => End::TimedOut(alarm),
                },
            }
        };
        // No more orders: what is sent from now on is for the next environment, and so is the record.
        self.record.lock().end();
        orders.close();
        if !matches!(end, End::Exited(_)) {
            self.process.signal(Signal::SIGKILL);
        }
        let status = self.process.wait().await.ok();
        self.process.bury().await;
        // It may have sent its result in its last moment.
        timeout(LAST_REQUESTS, closed).await.ok();
        while let Ok(call) = calls.try_recv() {
            self.answer(call);
        }
        self.report(end, status);
    }

    /// Does everything that is due: ends INIT and phases, delivers events, freezes.
    fn progress(&mut self) {
        self.parked.retain(|parked| !parked.is_closed());
        let extensions_idle = self.extensions.iter().all(Extension::is_idle);
        if self.init.is_none() {
            if self.parked.is_empty() || !extensions_idle {
                return;
            }
            self.init = Some(Moment::now().since(self.started));
            // On demand, an event waits already; otherwise the environment waits for one.
            if self.settings.initialization_type != "on-demand" && self.waiting.is_empty() {
                self.freeze();
            }
            if let Some(initialised) = self.initialised.take() {
                initialised.send(Ok(())).ok();
            }
        }
        if extensions_idle {
            self.end_phases();
        }
        while self.running.len() < self.settings.max_concurrency.unwrap_or(1)
            && !self.waiting.is_empty()
        {
            let Some(parked) = self.parked.pop_front() else {
                return;
            };
            self.deliver(parked);
        }
    }

    /// Ends the phases whose runtime has asked for its next event, and freezes if none is left.
    fn end_phases(&mut self) {
        let (ended, running): (Vec<_>, Vec<_>) = self
            .running
            .drain(..)
            .partition(|running| running.runtime_next.is_some());
        self.running = running;
        if ended.is_empty() {
            return;
        }
        let now = Moment::now();
        let idle = self.running.is_empty() && self.waiting.is_empty();
        let frozen = if idle { self.freeze() } else { None };
        for running in ended {
            running.finish(self.init, now, frozen, PhaseEnd::Idle);
        }
    }

    /// Stops the process group. The moment returned is just before, so that what arrived anywhere
    /// before it was certainly sent before the freeze.
    fn freeze(&mut self) -> Option<Moment> {
        if !self.settings.freezes {
            return None;
        }
        let now = Moment::now();
        self.process.signal(Signal::SIGSTOP);
        self.set_frozen(true);
        Some(now)
    }

    fn thaw(&mut self) {
        if self.frozen {
            self.process.signal(Signal::SIGCONT);
            self.set_frozen(false);
        }
    }

    fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
        self.record.lock().frozen = frozen;
    }

    /// Hands the first waiting event to a parked worker and to the extensions.
    fn deliver(&mut self, parked: Reply<Event>) {
        let Some((payload, reply)) = self.waiting.pop_front() else {
            return;
        };
        self.thaw();
        let request_id = uuid();
        let deadline_ms = match self.settings.deadline {
            Deadline::Raw(deadline_ms) => deadline_ms,
            Deadline::Real => unix_millis(SystemTime::now() + self.settings.timeout),
        };
        let arn = format!(
            "arn:aws:lambda:us-east-1:123456789012:function:{}",
            self.settings.function_name
        );
        let trace_id = xray_trace_id(unix_millis(SystemTime::now()) / 1000);
        let headers = event_headers(&[
            ("lambda-runtime-aws-request-id", &request_id),
            ("lambda-runtime-deadline-ms", &deadline_ms.to_string()),
            ("lambda-runtime-invoked-function-arn", &arn),
            ("lambda-runtime-trace-id", &trace_id),
            (
                "lambda-runtime-aws-tenant-id",
                self.settings.tenant_id.as_deref().unwrap_or_default(),
            ),
        ]);
        let delivered = Moment::now();
        if parked
            .send(Ok(Event {
                headers,
                payload: payload.clone(),
            }))
            .is_err()
        {
            // The worker hung up in this very moment; another one may take the event.
            self.waiting.push_front((payload, reply));
            return;
        }
        for extension in &mut self.extensions {
            extension.invoke(&json!({
                "eventType": "INVOKE",
                "deadlineMs": deadline_ms,
                "requestId": request_id,
                "invokedFunctionArn": arn,
                "tracing": { "type": "X-Amzn-Trace-Id", "value": trace_id },
            }));
        }
        self.running.push(Running {
            request_id,
            cold: std::mem::take(&mut self.cold),
            delivered,
            deadline: Instant::now() + self.settings.timeout,
            answered: None,
            runtime_next: None,
            reply,
        });
    }

    /// Answers a call. An error is a failed INIT.
    fn answer(&mut self, call: Call) -> Option<ErrorKind> {
        // A caller that has hung up misses its answer, nothing else: every send below may fail.
        match call {
            Call::Next { reply } => self.next(reply),
            Call::Result { answered, reply } => {
                reply.send(self.result(answered)).ok();
            }
            Call::InitError { error, reply } => {
                reply.send(Ok(())).ok();
                if self.init.is_none() {
                    let FunctionError {
                        error_type,
                        message,
                        ..
                    } = error;
                    return Some(ErrorKind::InitReported {
                        error_type,
                        message,
                    });
                }
            }
            Call::Register {
                name,
                events,
                reply,
            } => {
                reply.send(self.register(name, &events)).ok();
            }
            Call::ExtensionNext { id, reply } => match self.extension(&id) {
                Some(extension) => extension.next(reply),
                None => drop(reply.send(Err(Refusal::UNKNOWN_EXTENSION))),
            },
            Call::ExtensionError { id, reply } => {
                let known = self.extension(&id).is_some();
                self.extensions.retain(|extension| extension.id != id);
                reply
                    .send(if known {
                        Ok(())
                    } else {
                        Err(Refusal::UNKNOWN_EXTENSION)
                    })
                    .ok();
            }
        }
        None
    }

    /// A worker is done with its event, or new.
    fn next(&mut self, reply: Reply<Event>) {
        let workers = self.settings.max_concurrency.unwrap_or(1);
        let done = self
            .running
            .iter_mut()
            .find(|r| r.answered.is_some() && r.runtime_next.is_none());
        if let Some(running) = done {
            running.runtime_next = Some(Moment::now());
        } else if self.running.len() >= workers {
            reply.send(Err(Refusal::TOO_EARLY)).ok();
            return;
        }
        self.parked.push_back(reply);
    }

    fn result(&mut self, answered: Answered) -> Result<(), Refusal> {
        let running = self
            .running
            .iter_mut()
            .find(|running| running.request_id == answered.request_id);
        match running {
            Some(running) if running.answered.is_none() => {
                running.answered = Some(answered);
                Ok(())
            }
            _ => Err(Refusal::UNKNOWN_REQUEST),
        }
    }

    fn register(&mut self, name: String, events: &[String]) -> Result<String, Refusal> {
        if self.init.is_some() || !self.parked.is_empty() {
            return Err(Refusal::TOO_LATE);
        }
        if self
            .extensions
            .iter()
            .any(|extension| extension.name == name)
        {
            return Err(Refusal::NAME_TAKEN);
        }
        // Whoever runs in the bootstrap's process group is internal.
        if events.iter().any(|event| event == "SHUTDOWN") {
            return Err(Refusal::NO_SHUTDOWN);
        }
        let id = uuid();
        self.record.lock().extensions.push(name.clone());
        let invoke = events.iter().any(|event| event == "INVOKE");
        self.extensions
            .push(Extension::new(id.clone(), name, invoke));
        Ok(id)
    }

    fn extension(&mut self, id: &str) -> Option<&mut Extension> {
        self.extensions
            .iter_mut()
            .find(|extension| extension.id == id)
    }

    /// Ends the process by AWS's rules.
    async fn shut_down(&mut self) -> Shutdown {
        let began = Moment::now();
        let sigterm = !self.extensions.is_empty();
        let mut exit = None;
        if sigterm {
            self.process.signal(Signal::SIGTERM);
            self.thaw();
            exit = timeout(GRACE, self.process.wait())
                .await
                .ok()
                .and_then(Result::ok);
        }
        let sigkill = exit.is_none();
        if sigkill {
            self.process.signal(Signal::SIGKILL);
            exit = self.process.wait().await.ok();
        }
        Shutdown {
            sigterm,
            sigkill,
            exit,
            duration: Moment::now().since(began),
        }
    }

    /// Tells everybody who waits how it ended. Events not yet delivered are left to the next environment.
    fn report(mut self, end: End, status: Option<ExitStatus>) {
        let overdue = match end {
            End::TimedOut(at) => Some(at),
            _ => None,
        };
        if let Some(initialised) = self.initialised.take() {
            let logs = self.log.tail();
            let error = match end {
                End::Exited(status) => ErrorKind::InitExit { status, logs },
                End::InitFailed(ErrorKind::InitTimeout { limit, .. }) => {
                    ErrorKind::InitTimeout { limit, logs }
                }
                End::InitFailed(error) => error,
                End::TimedOut(_) | End::Killed => ErrorKind::Gone,
            };
            initialised.send(Err(error)).ok();
        }
        let now = Moment::now();
        for running in self.running.drain(..) {
            let timed_out = overdue.is_some_and(|at| running.deadline <= at);
            let phase_end = match status {
                Some(status) if !timed_out => PhaseEnd::Exited(status),
                _ => PhaseEnd::TimedOut,
            };
            running.finish(self.init, now, None, phase_end);
        }
    }

    /// When time is over, for INIT or for the first invocation.
    fn alarm(&self) -> (Instant, Alarm) {
        if self.init.is_none() {
            let init = Instant::from_std(self.started.instant()) + self.settings.init_timeout;
            return (init, Alarm::Init);
        }
        let deadline = self.running.iter().map(|running| running.deadline).min();
        // Far enough away, where nothing runs.
        let never = || Instant::now() + Duration::from_secs(86_400 * 365);
        (deadline.unwrap_or_else(never), Alarm::Function)
    }
}

/// Whose time is over.
enum Alarm {
    Init,
    Function,
}

/// Headers of an event; empty values and those that are no header values are left out.
fn event_headers(values: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

fn unix_millis(time: SystemTime) -> u64 {
    let since_epoch = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
