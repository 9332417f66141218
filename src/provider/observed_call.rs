//! A model call while it happens: the engine, joined to its observation.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use super::{
    call::{Call, Ended},
    endpoint::{Api, Endpoint},
    extract::Header,
    failure::Failure,
    open_calls::Close,
    origin::Origin,
    recorder::Recorder,
    report,
};
use crate::{
    diagnostics,
    observation::{Observation, ObservationType},
};

/// Observes one call from its request to the end of its response. It ends exactly once: when it
/// is told to, when a flush has waited long enough for it, or when it is dropped.
pub(crate) struct ObservedCall(Arc<Shared>);

/// What a call shares with the SDK's open calls.
struct Shared {
    origin: Origin,
    observation: Observation,
    state: Mutex<State>,
    /// Whether the usage of a stream must be asked for.
    asks_for_usage: bool,
    /// Its number among the open calls, plus one; zero while it is none of them.
    open: AtomicU64,
}

struct State {
    /// None once ended.
    recorder: Option<Recorder>,
    attempts: u32,
}

impl ObservedCall {
    /// Begins an observation inside of the one that was current where the call comes from. None
    /// if it would not be recorded.
    pub(crate) fn start(origin: &Origin, endpoint: Endpoint) -> Option<Self> {
        let _attached = origin.context.clone().attach();
        let operation = endpoint.api.operation();
        let kind = if operation.is_embedding() {
            ObservationType::Embedding
        } else {
            ObservationType::Generation
        };
        // Inside of what is current there: an observation, or a span of the application's own.
        let builder = origin.sdk.observation(operation.name()).as_type(kind);
        let observation = builder.start();
        if !observation.is_recording() {
            return None;
        }
        if let Some(attributes) = origin.attributes() {
            attributes.apply(&observation);
        }
        let asks_for_usage = endpoint.api == Api::Chat;
        let recorder = Recorder::new(endpoint, origin.sdk.content());
        Some(Self(Arc::new(Shared {
            origin: origin.clone(),
            observation,
            state: Mutex::new(State {
                recorder: Some(recorder),
                attempts: 0,
            }),
            asks_for_usage,
            open: AtomicU64::new(0),
        })))
    }

    /// Counts an attempt to send the request.
    pub(crate) fn attempt(&self) {
        self.0.state().attempts += 1;
    }

    /// Reads the body of the request.
    pub(crate) fn request(&self, body: &[u8]) {
        self.0.record(|recorder| recorder.request(body));
        let shared = &self.0;
        // What is reported may pass the program's mask, which runs under no lock of ours.
        let call = {
            let state = shared.state();
            state
                .recorder
                .as_ref()
                .map(|recorder| recorder.call().clone())
        };
        if let Some(call) = call {
            report::request(&call, &shared.observation);
        }
        if let Some(attributes) = shared.origin.attributes() {
            attributes.apply(&shared.observation);
        }
    }

    /// Says whose model it is.
    pub(crate) fn provider(&self, name: String) {
        self.0.observation.fact(report::PROVIDER, name);
    }

    /// Reads the head of the response. A flush waits for the call from now on.
    pub(crate) fn head(&self, status: u16, header: Header<'_>) {
        self.0.record(|recorder| recorder.head(status, header));
        self.open();
    }

    /// Reads the next bytes of the response's body. The call ends if they are the protocol's end.
    pub(crate) fn chunk(&self, bytes: &[u8]) {
        self.0
            .record(|recorder| recorder.chunk(bytes, SystemTime::now()));
        self.end_if_done();
    }

    /// Reads an event that a client has decoded already. A flush waits for the call from now on.
    pub(crate) fn item(&self, json: &str) {
        self.0
            .record(|recorder| recorder.item(json, SystemTime::now()));
        self.open();
        self.end_if_done();
    }

    /// Reads a response that a client has decoded already.
    pub(crate) fn document(&self, json: &[u8]) {
        self.0.record(|recorder| recorder.document(json));
    }

    /// Gives up on a body in an encoding that only the caller can read.
    pub(crate) fn unreadable(&self, encoding: &str) {
        self.0.record(|recorder| recorder.unreadable(encoding));
    }

    /// Ends the call with an error that is not in a response.
    pub(crate) fn fail(&self, failure: Failure, status: Option<u16>) {
        self.0.record(|recorder| recorder.fail(failure, status));
        self.end(Ended::Error);
    }

    /// Ends the call, if it has not ended.
    pub(crate) fn end(&self, ended: Ended) {
        self.0.end(ended);
    }

    fn open(&self) {
        let shared = &self.0;
        // Nobody can close it before its number is known.
        let state = shared.state();
        if state.recorder.is_some() && shared.open.load(Ordering::Relaxed) == 0 {
            let weak: Weak<Shared> = Arc::downgrade(shared);
            let trace = shared.observation.trace_id();
            let number = shared.origin.sdk.open_calls().add(trace, weak);
            shared.open.store(number + 1, Ordering::Relaxed);
        }
    }

    fn end_if_done(&self) {
        let recorder_is_done = {
            let state = self.0.state();
            state.recorder.as_ref().is_some_and(Recorder::is_done)
        };
        if recorder_is_done {
            self.end(Ended::Protocol);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the engine. Whatever happens in there never reaches the caller.
    fn record(&self, step: impl FnOnce(&mut Recorder)) {
        let mut state = self.state();
        if let Some(recorder) = &mut state.recorder
            && catch_unwind(AssertUnwindSafe(|| step(recorder))).is_err()
        {
            state.recorder = None;
            drop(state);
            self.closed();
        }
    }

    fn end(&self, ended: Ended) {
        let mut state = self.state();
        let Some(recorder) = state.recorder.take() else {
            return;
        };
        let attempts = state.attempts;
        drop(state);
        let finish = AssertUnwindSafe(|| recorder.finish(ended, attempts));
        if let Ok(call) = catch_unwind(finish) {
            report::response(&call, &self.observation);
            if self.asks_for_usage
                && call.lacks_usage()
                && self.origin.sdk.open_calls().is_first_without_usage()
            {
                warn_of_missing_usage(&call);
            }
        }
        self.closed();
    }

    fn closed(&self) {
        self.observation.end();
        if let Some(number) = self.open.load(Ordering::Relaxed).checked_sub(1) {
            self.origin.sdk.open_calls().remove(number);
        }
    }
}

impl Close for Shared {
    fn close(&self) {
        self.end(Ended::Flushed);
    }
}

impl Drop for ObservedCall {
    fn drop(&mut self) {
        self.end(Ended::Dropped);
    }
}

/// Streams of OpenAI's chat API tell their usage only if they are asked to.
fn warn_of_missing_usage(call: &Call) {
    diagnostics::warn(format_args!(
        "the stream of {} said nothing of its tokens, so it costs nothing in Langfuse: set \
         `stream_options.include_usage` in the request, or let warmspan set it with \
         `warmspan::openai::layer().include_usage()` or \
         `warmspan::reqwest_middleware().include_usage()`",
        call.model().unwrap_or("a model")
    ));
}

impl fmt::Debug for ObservedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedCall")
            .field("observation", &self.0.observation)
            .finish_non_exhaustive()
    }
}
