//! Futures inside of observations.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use opentelemetry::Context;
use pin_project_lite::pin_project;

use super::{Level, Observation, TraceAttributes, current};

/// Puts futures inside of observations.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tokio::task::JoinError> {
/// use warmspan::{Observation, ObserveFuture as _, Sdk};
///
/// # let sdk = Sdk::disabled();
/// let task = async {
///     // A plain `tokio::spawn` would forget the current observation.
///     tokio::spawn(async { Observation::current() }.in_current_observation()).await
/// };
/// let current = task.observed(sdk.span("parent")).await?;
/// # Ok(())
/// # }
/// ```
pub trait ObserveFuture: Future + Sized {
    /// Runs inside of `observation` and ends it: when the future is done, or, as a warning, when
    /// it is dropped before, or, as an error, when it panics.
    fn observed(self, observation: Observation) -> Observed<Self> {
        Observed {
            inner: self.in_observation(&observation),
            end: Some(EndGuard(observation)),
        }
    }

    /// Runs inside of `observation`, which does not end by that.
    fn in_observation(self, observation: &Observation) -> InObservation<Self> {
        let context = (!observation.is_disabled()).then(|| current::context_with(observation));
        InObservation {
            inner: Some(self),
            context,
            said: None,
        }
    }

    /// Runs so that every observation inside carries `attributes`, and the one that is current when
    /// it begins, too. On [`tokio::spawn`] it stays inside of the observation that is current now.
    fn with_trace_attributes(self, attributes: TraceAttributes) -> InObservation<Self> {
        InObservation {
            inner: Some(self),
            context: Some(Context::current()),
            said: Some(Box::new(attributes)),
        }
    }

    /// Like [`observed`](Self::observed); an `Err` makes the observation an error with its message.
    fn observed_result<T, E>(self, observation: Observation) -> Observed<RecordErr<Self>>
    where
        Self: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        let recorded = RecordErr {
            inner: self,
            observation: observation.clone(),
        };
        recorded.observed(observation)
    }

    /// Runs inside of the observation that is current now: for [`tokio::spawn`].
    fn in_current_observation(self) -> InObservation<Self> {
        InObservation {
            inner: Some(self),
            context: Some(Context::current()),
            said: None,
        }
    }
}

impl<F: Future> ObserveFuture for F {}

pin_project! {
    /// A future inside of an observation. Made by [`ObserveFuture::in_observation`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InObservation<F> {
        // Empty once done, so that what it holds is dropped inside of the observation.
        #[pin]
        inner: Option<F>,
        context: Option<Context>,
        // Until it begins: the observation around it may become current only then.
        said: Option<Box<TraceAttributes>>,
    }

    impl<F> PinnedDrop for InObservation<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Observations that are cancelled with the future find their parent.
            let _attached = this.context.clone().map(Context::attach);
            this.inner.set(None);
        }
    }
}

impl<F: Future> Future for InObservation<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(said) = this.said.take() {
            let is_inside = current::with_current(|current| current.is_some());
            let around = if is_inside { None } else { this.context.take() };
            let _attached = around.map(Context::attach);
            *this.context = Some(said.into_context());
        }
        let _attached = this.context.clone().map(Context::attach);
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            // Polled after it was done, which the contract of futures forbids.
            return Poll::Pending;
        };
        let output = inner.poll(cx);
        if output.is_ready() {
            this.inner.set(None);
        }
        output
    }
}

pin_project! {
    /// A future that ends its observation. Made by [`ObserveFuture::observed`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Observed<F> {
        #[pin]
        inner: InObservation<F>,
        end: Option<EndGuard>,
    }
}

impl<F: Future> Future for Observed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let unwinding = EndOnUnwind(this.end);
        let output = this.inner.poll(cx);
        unwinding.defuse();
        if output.is_ready()
            && let Some(guard) = this.end.take()
        {
            guard.done();
        }
        output
    }
}

pin_project! {
    /// A future whose error is recorded. Made by [`ObserveFuture::observed_result`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct RecordErr<F> {
        #[pin]
        inner: F,
        observation: Observation,
    }
}

impl<F, T, E> Future for RecordErr<F>
where
    F: Future<Output = Result<T, E>>,
    E: fmt::Display,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let output = this.inner.poll(cx);
        if let Poll::Ready(Err(error)) = &output {
            this.observation.error(error);
        }
        output
    }
}

/// Ends an observation while a panic passes by: whoever catches it may keep the future.
struct EndOnUnwind<'a>(&'a mut Option<EndGuard>);

impl EndOnUnwind<'_> {
    fn defuse(self) {
        std::mem::forget(self);
    }
}

impl Drop for EndOnUnwind<'_> {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

/// Ends an observation, also when what it observed never finishes.
#[derive(Debug)]
pub(crate) struct EndGuard(pub(crate) Observation);

impl EndGuard {
    /// What was observed has finished.
    pub(crate) fn done(self) {
        self.0.end();
        // `drop` finds it ended and says nothing more.
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        if !self.0.is_recording() {
            return;
        }
        if std::thread::panicking() {
            self.0.level(Level::Error);
            self.0.status_message("panicked");
        } else if !self.0.has_level() {
            self.0.level(Level::Warning);
            self.0
                .status_message("cancelled: the future was dropped before it was done");
        }
        self.0.end();
    }
}
