//! A model call while it happens: the engine, joined to its observation.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::SystemTime,
};

use super::{
    call::Ended, endpoint::Endpoint, extract::Header, failure::Failure, recorder::Recorder, report,
};
use crate::{
    Sdk,
    observation::{Observation, ObservationType},
};

/// Observes one call from its request to the end of its response. It ends exactly once: when it
/// is told to, or when it is dropped.
pub(crate) struct ObservedCall {
    observation: Observation,
    /// None once ended.
    recorder: Option<Recorder>,
    attempts: u32,
}

impl ObservedCall {
    /// Begins a child of `parent`, or a trace without one. None if it would not be recorded.
    pub(crate) fn start(
        sdk: &Sdk,
        parent: Option<&Observation>,
        endpoint: Endpoint,
    ) -> Option<Self> {
        let operation = endpoint.api.operation();
        let kind = if operation.is_embedding() {
            ObservationType::Embedding
        } else {
            ObservationType::Generation
        };
        let builder = sdk.observation(operation.name()).as_type(kind);
        let builder = match parent {
            Some(parent) => builder.parent(parent),
            None => builder.root(),
        };
        let observation = builder.start();
        observation.is_recording().then(|| Self {
            observation,
            recorder: Some(Recorder::new(endpoint, sdk.content())),
            attempts: 0,
        })
    }

    /// Counts an attempt to send the request.
    pub(crate) fn attempt(&mut self) {
        self.attempts += 1;
    }

    /// Reads the body of the request.
    pub(crate) fn request(&mut self, body: &[u8]) {
        self.record(|recorder| recorder.request(body));
        if let Some(recorder) = &self.recorder {
            report::request(recorder.call(), &self.observation);
        }
    }

    /// Reads the head of the response.
    pub(crate) fn head(&mut self, status: u16, header: Header<'_>) {
        self.record(|recorder| recorder.head(status, header));
    }

    /// Reads the next bytes of the response's body. The call ends if they are the protocol's end.
    pub(crate) fn chunk(&mut self, bytes: &[u8]) {
        self.record(|recorder| recorder.chunk(bytes, SystemTime::now()));
        if self.recorder.as_ref().is_some_and(Recorder::is_done) {
            self.end(Ended::Protocol);
        }
    }

    /// Gives up on a body in an encoding that only the caller can read.
    pub(crate) fn unreadable(&mut self, encoding: &str) {
        self.record(|recorder| recorder.unreadable(encoding));
    }

    /// Ends the call with an error that is not in a response.
    pub(crate) fn fail(&mut self, failure: Failure, status: Option<u16>) {
        self.record(|recorder| recorder.fail(failure, status));
        self.end(Ended::Error);
    }

    /// Ends the call, if it has not ended.
    pub(crate) fn end(&mut self, ended: Ended) {
        if let Some(recorder) = self.recorder.take() {
            let attempts = self.attempts;
            let finish = AssertUnwindSafe(|| recorder.finish(ended, attempts));
            if let Ok(call) = catch_unwind(finish) {
                report::response(&call, &self.observation);
            }
            self.observation.end();
        }
    }

    /// Runs the engine. Whatever happens in there never reaches the caller.
    fn record(&mut self, step: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = &mut self.recorder
            && catch_unwind(AssertUnwindSafe(|| step(recorder))).is_err()
        {
            self.recorder = None;
            self.observation.end();
        }
    }
}

impl Drop for ObservedCall {
    fn drop(&mut self) {
        self.end(Ended::Dropped);
    }
}

impl fmt::Debug for ObservedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedCall")
            .field("observation", &self.observation)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}
