//! One call of an observed function.

use std::fmt;

use serde::Serialize;

use super::{Arguments, Chunks, ObservedStream};
use crate::{
    Content, Observation, ObservationType, ObserveFuture as _, Sdk,
    observation::{Captured, EndGuard, InObservation, value, with_current},
};

/// What is known of an observed function when it is compiled.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    name: &'static str,
    kind: ObservationType,
}

impl Site {
    /// A function that is recorded as an observation of this name and type.
    #[inline]
    pub const fn new(name: &'static str, kind: ObservationType) -> Self {
        Self { name, kind }
    }

    /// Begins a call, in the SDK of the current observation, else in that of the process.
    #[inline]
    pub fn begin(self, input: impl FnOnce(&mut Arguments)) -> Call {
        match sdk_to_use() {
            None => Call::off(),
            Some(sdk) => self.start(&sdk, |observation| {
                capture_input(observation.is_recording(), &sdk, input)
            }),
        }
    }

    /// Begins a call in an SDK that the user chose.
    #[inline]
    pub fn begin_in(self, sdk: &Sdk, input: impl FnOnce(&mut Arguments)) -> Call {
        if !sdk.is_enabled() {
            return Call::off();
        }
        self.start(sdk, |observation| {
            capture_input(observation.is_recording(), sdk, input)
        })
    }

    /// Like [`begin`](Self::begin), for a future that begins when it is first polled: the arguments
    /// may be gone by then.
    #[inline]
    pub fn defer(self, input: impl FnOnce(&mut Arguments)) -> Deferred {
        match sdk_to_use() {
            None => Deferred(None),
            Some(sdk) => self.prepare(&sdk, input),
        }
    }

    /// Like [`begin_in`](Self::begin_in), for a future that begins when it is first polled.
    #[inline]
    pub fn defer_in(self, sdk: &Sdk, input: impl FnOnce(&mut Arguments)) -> Deferred {
        if sdk.is_enabled() {
            self.prepare(sdk, input)
        } else {
            Deferred(None)
        }
    }

    fn start(self, sdk: &Sdk, input: impl FnOnce(&Observation) -> Option<Captured>) -> Call {
        let observation = sdk.observation(self.name).as_type(self.kind).start();
        if let Some(captured) = input(&observation) {
            observation.captured_json_input(captured);
        }
        Call(EndGuard(observation))
    }

    fn prepare(self, sdk: &Sdk, input: impl FnOnce(&mut Arguments)) -> Deferred {
        // In a trace that is not kept, neither is this call.
        let is_kept = with_current(|current| current.is_none_or(Observation::is_recording));
        Deferred(Some(Prepared {
            site: self,
            sdk: sdk.clone(),
            input: capture_input(is_kept, sdk, input),
        }))
    }
}

/// A call that begins later.
#[derive(Debug)]
#[must_use]
pub struct Deferred(Option<Prepared>);

#[derive(Debug)]
struct Prepared {
    site: Site,
    sdk: Sdk,
    input: Option<Captured>,
}

impl Deferred {
    /// Begins the call.
    #[inline]
    pub fn begin(self) -> Call {
        match self.0 {
            None => Call::off(),
            Some(Prepared { site, sdk, input }) => site.start(&sdk, |_| input),
        }
    }
}

/// One call of an observed function. It ends as the guard of every observation does: when it is
/// done, as an error when it panics, as a warning when its future is dropped before.
#[derive(Debug)]
#[must_use]
pub struct Call(EndGuard);

impl Call {
    /// Whether nothing comes of this call.
    #[inline]
    pub fn is_off(&self) -> bool {
        self.0.0.is_disabled()
    }

    /// Whether what is said of this call will be sent.
    #[inline]
    pub fn is_recording(&self) -> bool {
        !self.is_off() && self.0.0.is_recording()
    }

    /// Runs the body of a function.
    #[inline]
    pub fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        self.0.0.in_scope(body)
    }

    /// Runs a body that returns a future, of whose output it is only known that it is `T`.
    #[inline]
    pub fn run_future<T, F: Future<Output = T>>(&self, body: impl FnOnce() -> F) -> F {
        self.0.0.in_scope(body)
    }

    /// Runs the body of an `async` function.
    #[inline]
    pub fn within<F: Future>(&self, body: F) -> InObservation<F> {
        body.in_observation(&self.0.0)
    }

    /// Follows a stream: the call ends with it. `record` looks at every item.
    #[inline]
    pub fn stream<S, R>(self, stream: S, record: R) -> ObservedStream<S, R>
    where
        S: futures_util::Stream,
        R: FnMut(&mut Chunks, &S::Item),
    {
        ObservedStream::new(stream, self, record)
    }

    /// Records what the function returned.
    pub fn output<T: Serialize>(&self, output: &T) {
        let content = self.content();
        if content != Content::Off
            && let Some(captured) = value::capture(output, content.max_chars())
        {
            self.0.0.captured_output(captured);
        }
    }

    /// Records that the function failed.
    pub fn failed(&self, message: impl fmt::Display) {
        self.0.0.error(&message);
    }

    /// The function has returned.
    #[inline]
    pub fn end(self) {
        self.0.done();
    }

    pub(super) fn content(&self) -> Content {
        self.0.0.sdk().content()
    }

    pub(super) fn observation(&self) -> &Observation {
        &self.0.0
    }

    #[inline]
    fn off() -> Self {
        Self(EndGuard(Observation::disabled()))
    }
}

/// The SDK of the current observation, else that of the process; `None` if it is off.
#[inline]
fn sdk_to_use() -> Option<Sdk> {
    if let Some(sdk) = with_current(|current| current.map(|current| current.sdk().clone())) {
        return sdk.is_enabled().then_some(sdk);
    }
    let sdk = crate::sdk();
    sdk.is_enabled().then(|| sdk.clone())
}

fn capture_input(
    is_recording: bool,
    sdk: &Sdk,
    input: impl FnOnce(&mut Arguments),
) -> Option<Captured> {
    let content = sdk.content();
    if !is_recording || content == Content::Off {
        return None;
    }
    let mut arguments = Arguments::new(content.max_chars());
    input(&mut arguments);
    arguments.finish()
}
