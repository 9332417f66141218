//! The service that sees a call from the making of its request to the head of its response.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use async_openai::{error::OpenAIError, middleware::HttpRequestFactory};
use pin_project_lite::pin_project;
use reqwest::{Request, Response};
use tower_service::Service;

use super::error;
use crate::provider::{observed_call::ObservedCall, origin::Origin, over_reqwest};

/// Observes the calls that go through `S`. Made by [`layer()`](super::layer()).
#[derive(Clone, Debug)]
pub struct Observe<S> {
    inner: S,
    includes_usage: bool,
}

impl<S> Observe<S> {
    pub(super) fn new(inner: S, includes_usage: bool) -> Self {
        Self {
            inner,
            includes_usage,
        }
    }
}

impl<S> Service<HttpRequestFactory> for Observe<S>
where
    S: Service<HttpRequestFactory, Response = Response>,
    S::Error: Into<OpenAIError>,
{
    type Response = Response;
    type Error = OpenAIError;
    type Future = ObserveFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let watch = Watch::begin().map(Arc::new);
        let factory = if watch.is_some() || self.includes_usage {
            watched(watch.clone(), factory, self.includes_usage)
        } else {
            factory
        };
        ObserveFuture {
            inner: self.inner.call(factory),
            watch,
            has_yielded: false,
        }
    }
}

pin_project! {
    /// The response to come. Made by [`Observe`].
    #[derive(Debug)]
    pub struct ObserveFuture<F> {
        #[pin]
        inner: F,
        watch: Option<Arc<Watch>>,
        has_yielded: bool,
    }
}

impl<F, E> Future for ObserveFuture<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<OpenAIError>,
{
    type Output = Result<Response, OpenAIError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = this.inner.poll(cx).map_err(Into::into);
        let Some(watch) = this.watch else {
            return polled;
        };
        // The connection's task has something to send now. The request is read while the provider
        // works on it, not before.
        if polled.is_pending() && !std::mem::replace(this.has_yielded, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        watch.read_request();
        let Poll::Ready(result) = polled else {
            return Poll::Pending;
        };
        let call = watch.take();
        *this.watch = None;
        Poll::Ready(match (result, call) {
            (Ok(response), Some(call)) => Ok(over_reqwest::observe(response, call)),
            (Err(error), Some(call)) => {
                let (failure, status) = error::failure_of(&error);
                call.fail(failure, status);
                Err(error)
            }
            (result, None) => result,
        })
    }
}

/// What the factory of requests and the future of the response share.
#[derive(Debug)]
struct Watch {
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seen: bool,
    call: Option<ObservedCall>,
    /// The first request, until it has been read.
    unread: Option<Request>,
}

impl Watch {
    /// None if nothing would be recorded.
    fn begin() -> Option<Self> {
        Origin::current().map(|origin| Self {
            origin,
            state: Mutex::default(),
        })
    }

    /// Sees an attempt. They come one after the other, and the program's mask may run here: nothing
    /// is locked while a call begins or is read.
    fn see(&self, request: &Request) {
        if !std::mem::replace(&mut self.state().seen, true)
            && let Some(endpoint) = over_reqwest::recognise(request)
            && let Some(call) = ObservedCall::start(&self.origin, endpoint)
        {
            // The body is shared, not copied.
            let unread = request.try_clone();
            if unread.is_none() {
                // A form: nothing in it is read.
                call.request(&[]);
            }
            let mut state = self.state();
            state.call = Some(call);
            state.unread = unread;
        }
        if let Some(call) = &self.state().call {
            call.attempt();
        }
    }

    fn read_request(&self) {
        let Some(request) = self.state().unread.take() else {
            return;
        };
        let body = request.body().and_then(reqwest::Body::as_bytes);
        let Some(call) = self.take() else {
            return;
        };
        if let Some(body) = body {
            call.request(body);
        }
        self.state().call = Some(call);
    }

    fn take(&self) -> Option<ObservedCall> {
        self.state().call.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A factory of the same requests, each of which is an attempt.
fn watched(
    watch: Option<Arc<Watch>>,
    factory: HttpRequestFactory,
    includes_usage: bool,
) -> HttpRequestFactory {
    HttpRequestFactory::new(move || {
        let (watch, factory) = (watch.clone(), factory.clone());
        async move {
            let mut request = factory.build().await?;
            if includes_usage {
                over_reqwest::include_usage(&mut request);
            }
            if let Some(watch) = watch {
                watch.see(&request);
            }
            Ok(request)
        }
    })
}
