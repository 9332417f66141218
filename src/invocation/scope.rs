//! The core of every adapter: the root observation of one request, and its flush.

use std::{
    any::Any,
    borrow::Cow,
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::Context as TaskContext,
    time::{Duration, Instant, SystemTime},
};

use opentelemetry::Context;
use tokio::{runtime::Handle, sync::oneshot};

use super::{
    budget::Deadline,
    open_requests::OpenRequest,
    parent::{Incoming, Parent},
};
use crate::{
    FlushPoint, FlushReport, Level, Observation, Sdk, TraceAttributes, diagnostics,
    observation::{Propagated, attributes, context_with},
    transport::Patience,
};

/// One open request.
#[derive(Debug)]
pub(crate) struct Scope {
    root: Observation,
    context: Context,
    deadline: Deadline,
    /// `None` where nothing is recorded.
    request: Option<Arc<OpenRequest>>,
    is_left_to_interval: bool,
    hold: Option<Hold>,
}

/// Keeps the platform from taking the request for over: until it is dropped, which is after the
/// flush, or where there is nothing to flush.
#[derive(Clone, Debug)]
pub(crate) struct Hold(
    #[expect(dead_code, reason = "dropping it is all it does")] Arc<oneshot::Sender<Infallible>>,
);

impl Hold {
    /// A hold, and what ends with it.
    pub(crate) fn new() -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, receiver) = oneshot::channel();
        let released = async move {
            // Nothing is ever sent: it ends when the sender is dropped.
            let _ = receiver.await;
        };
        (Self(Arc::new(sender)), released)
    }
}

/// How long a flush waits, at most, for model calls of its own trace whose responses are still being
/// read. A response that was given up ends within one chunk; one that is read by a task of its own
/// must not hold up the response to the request.
const STREAM_PATIENCE: Duration = Duration::from_millis(250);

/// A flush on its way.
pub(crate) type Flushing = Pin<Box<dyn Future<Output = FlushReport> + Send>>;

impl Scope {
    /// Opens the root observation of a request that arrived just now.
    pub(crate) fn open(
        sdk: &Sdk,
        name: Cow<'static, str>,
        incoming: &Incoming,
        deadline: Deadline,
    ) -> Self {
        let mut propagated = None;
        let builder = sdk.observation(name).app_root();
        let root = match incoming.parent(sdk.settings().parent) {
            Parent::None => builder.start(),
            Parent::Continued(remote) => {
                let said =
                    TraceAttributes::from_baggage(incoming.baggage.as_deref().unwrap_or_default());
                propagated = Some(Propagated::new(said));
                builder.parent_span(remote).start()
            }
            Parent::Linked(remote) => {
                let trace = remote.trace_id();
                diagnostics::debug(
                    sdk.settings().debug,
                    format_args!(
                        "the incoming trace {trace} is linked and not continued, since nothing says that it is in \
                         Langfuse; WARMSPAN_PARENT=continue joins it"
                    ),
                );
                let root = builder.link(remote).start();
                root.metadata("linked_trace_id", &trace.to_string());
                root
            }
        };
        let mut context = context_with(&root);
        // What the caller said of the whole trace.
        if let Some(propagated) = propagated {
            propagated.apply(&root);
            context = propagated.within(&context);
        }
        root.fact(attributes::FAAS_COLDSTART, sdk.take_cold());
        let lost = sdk.losses().total();
        if lost > 0 {
            root.fact(
                attributes::LOST_SPANS,
                i64::try_from(lost).unwrap_or(i64::MAX),
            );
        }
        let request = root.is_recording().then(|| OpenRequest::open(&root));
        Self {
            root,
            context,
            deadline,
            request,
            is_left_to_interval: false,
            hold: None,
        }
    }

    /// Holds the platform back until this request is flushed.
    pub(crate) fn held_by(mut self, hold: Hold) -> Self {
        self.hold = Some(hold);
        self
    }

    pub(crate) fn root(&self) -> &Observation {
        &self.root
    }

    /// What is open of it, for whoever sees its bodies.
    pub(crate) fn request(&self) -> Option<&Arc<OpenRequest>> {
        self.request.as_ref()
    }

    /// Its spans are sent by the SDK's own thread, from time to time.
    pub(crate) fn leave_to_interval(&mut self) {
        self.is_left_to_interval = true;
    }

    /// Whether a shutdown wants this request to end now. If not, the task is woken when it does.
    pub(crate) fn is_interrupted(&self, cx: &TaskContext<'_>) -> bool {
        let request = self.request.as_ref();
        request.is_some_and(|request| request.is_interrupted(cx))
    }

    /// Ends the root of a request that the shutdown does not let come to its end. The shutdown
    /// flushes.
    pub(crate) fn interrupted(self) {
        if let Some(request) = &self.request {
            request.interrupted();
        }
    }

    /// The context in which the handler runs.
    pub(crate) fn context(&self) -> Context {
        self.context.clone()
    }

    /// Uses the time in which the handler waits.
    pub(crate) fn handler_is_waiting(&self) {
        if let Some(delivery) = self.root.sdk().delivery() {
            delivery.encode(self.root.trace_id());
        }
    }

    /// The handler failed.
    pub(crate) fn failed(&self, message: &(impl fmt::Display + ?Sized)) {
        self.root.error(message);
    }

    /// The response has a status. A server's error is one of the function, although its handler may
    /// have returned `Ok`; what was said of it before says more than the status.
    pub(crate) fn answered(&self, status: u16) {
        self.root.fact(attributes::HTTP_STATUS, i64::from(status));
        if status >= 500 && !self.root.has_failed() {
            self.failed(&format_args!("HTTP {status}"));
        }
    }

    /// The handler panicked with `payload`.
    pub(crate) fn panicked(&self, payload: &(dyn Any + Send)) {
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a value that is no text");
        self.root.error(&format_args!("panicked: {message}"));
    }

    /// Nobody waits for the end. An error that came before stays one.
    pub(crate) fn abandoned(&self, message: &str) {
        if !self.root.has_level() {
            self.root.level(Level::Warning).status_message(message);
        }
    }

    /// What keeps the platform waiting for this request, if anything does.
    pub(crate) fn hold(&self) -> Option<Hold> {
        self.hold.clone()
    }

    /// Nobody waits for the response. What is left is to flush what there is of it.
    pub(crate) fn cancelled(self) -> Option<Flushing> {
        self.mark_cancelled();
        self.end().flush()
    }

    fn mark_cancelled(&self) {
        if std::thread::panicking() {
            self.root.error("panicked");
        } else {
            self.abandoned("cancelled before the response");
        }
    }

    /// Ends the root. What is left is to flush it.
    pub(crate) fn end(mut self) -> Ended {
        self.close();
        self.request = None;
        Ended {
            sdk: self.root.sdk().clone(),
            trace: self.root.trace_id(),
            deadline: self.deadline,
            hold: self.hold.take(),
            is_left_to_interval: self.is_left_to_interval,
        }
    }

    fn close(&self) {
        match &self.request {
            Some(request) => request.close(),
            None => self.root.end(),
        }
    }
}

impl Drop for Scope {
    /// A request that is cancelled, because the client went away for instance, is still told of.
    fn drop(&mut self) {
        if self.root.is_recording() {
            self.mark_cancelled();
        }
        self.close();
    }
}

/// Lets a flush that nobody waits for any more come to its end. Where there is no runtime to do that
/// on, what it would have sent stays for the next one.
pub(crate) fn finish_flush(flushing: Option<Flushing>) {
    if let (Some(flushing), Ok(runtime)) = (flushing, Handle::try_current()) {
        runtime.spawn(flushing);
    }
}

/// A request whose root has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    sdk: Sdk,
    trace: opentelemetry::trace::TraceId,
    deadline: Deadline,
    is_left_to_interval: bool,
    hold: Option<Hold>,
}

impl Ended {
    pub(crate) fn sdk(&self) -> &Sdk {
        &self.sdk
    }

    /// Sends what this request recorded, within what time there is. `None` if there is nothing.
    pub(crate) fn flush(self) -> Option<Flushing> {
        let delivery = self.sdk.delivery()?;
        if self.is_left_to_interval || delivery.queue().held(None) == 0 {
            return None;
        }
        let delivery = delivery.clone();
        let budget = self.budget();
        if Handle::try_current().is_err() {
            if delivery.is_failing() {
                // Nobody waits for a back-end that just failed.
                return None;
            }
            return Some(Box::pin(async move {
                let report = delivery.flush_from_outside(budget, Patience::Prompt).await;
                drop(self);
                report
            }));
        }
        Some(Box::pin(async move {
            let begin = Instant::now();
            let patience = if delivery.is_failing() {
                Duration::ZERO
            } else {
                STREAM_PATIENCE.min(budget / 2)
            };
            let open_calls = self.sdk.open_calls();
            open_calls.settle_trace(self.trace, patience).await;
            let left = budget.saturating_sub(begin.elapsed());
            let report = delivery.flush_invocation(self.trace, left).await;
            // The SDK lives as long as its flush, also where this was its last handle: dropped, it
            // would give up what is on its way.
            drop(self);
            report
        }))
    }

    /// What the end of a response has to wait for. Nothing where the flush was asked to come after
    /// it and the platform is held back meanwhile.
    pub(crate) fn flush_with_response(self) -> Option<Flushing> {
        let comes_after =
            self.hold.is_some() && self.sdk.settings().flush_point == FlushPoint::AfterResponse;
        let flushing = self.flush()?;
        match Handle::try_current() {
            Ok(runtime) if comes_after => {
                runtime.spawn(flushing);
                None
            }
            Ok(_) | Err(_) => Some(flushing),
        }
    }

    fn budget(&self) -> Duration {
        self.deadline
            .flush_budget(self.sdk.settings().timeout, SystemTime::now())
    }
}
