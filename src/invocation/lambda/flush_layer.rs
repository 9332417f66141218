//! The flush after the response.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context as TaskContext, Poll, ready},
};

use lambda_runtime::LambdaInvocation;
use opentelemetry::Context;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::invocation::scope::{Ended, Flushing};

/// A layer for `lambda_runtime::Runtime` that flushes after the response was sent and before the
/// next event is asked for: the caller does not wait, and the environment is not yet frozen.
///
/// It acts when [`FlushPoint::AfterResponse`](crate::FlushPoint::AfterResponse) is set, and does
/// nothing otherwise. [`run`](super::run) installs it.
///
/// ```no_run
/// use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
/// use serde_json::Value;
/// use warmspan::lambda::{FlushLayer, traced};
///
/// async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
///     Ok(event.payload)
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Error> {
/// Runtime::new(traced(service_fn(handler))).layer(FlushLayer::new()).run().await
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FlushLayer(());

impl FlushLayer {
    /// The layer.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S> Layer<S> for FlushLayer {
    type Service = FlushService<S>;

    fn layer(&self, inner: S) -> FlushService<S> {
        FlushService { inner }
    }
}

/// The service of [`FlushLayer`].
#[derive(Clone, Debug)]
pub struct FlushService<S> {
    inner: S,
}

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for FlushService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = FlushFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let slot = Slot::default();
        let context = Context::current_with_value(slot.clone());
        let inner = {
            let _attached = context.clone().attach();
            self.inner.call(invocation)
        };
        FlushFuture {
            inner,
            context,
            slot,
            result: None,
            flushing: None,
        }
    }
}

pin_project! {
    /// The future of [`FlushService`].
    pub struct FlushFuture<F, T, E> {
        #[pin]
        inner: F,
        context: Context,
        slot: Slot,
        result: Option<Result<T, E>>,
        flushing: Option<Flushing>,
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for FlushFuture<F, T, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.result.is_none() {
            let attached = this.context.clone().attach();
            let result = ready!(this.inner.poll(cx));
            drop(attached);
            *this.result = Some(result);
            *this.flushing = this.slot.take().and_then(Ended::flush);
        }
        if let Some(flushing) = this.flushing {
            let _report = ready!(flushing.as_mut().poll(cx));
            *this.flushing = None;
        }
        match this.result.take() {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}

/// Leaves the flush of an ended invocation to the layer around it. Gives it back if there is none.
pub(super) fn hand_over(ended: Ended) -> Option<Ended> {
    let slot = Context::map_current(|context| context.get::<Slot>().cloned());
    match slot {
        Some(slot) => slot.put(ended),
        None => Some(ended),
    }
}

/// Where the handler's side leaves an ended invocation: a value in the OpenTelemetry context of
/// this invocation, so that concurrent ones have their own.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<Ended>>>);

impl Slot {
    fn put(&self, ended: Ended) -> Option<Ended> {
        match self.0.lock() {
            Ok(mut slot) => {
                *slot = Some(ended);
                None
            }
            Err(_) => Some(ended),
        }
    }

    fn take(&self) -> Option<Ended> {
        self.0.lock().ok()?.take()
    }
}
