//! The service that sees a call from the making of its request to the head of its response.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
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
        let Some(watch) = Watch::begin() else {
            return ObserveFuture {
                inner: self.inner.call(factory),
                watch: None,
            };
        };
        let watch = Arc::new(watch);
        let watched = watch.watched(factory, self.includes_usage);
        ObserveFuture {
            inner: self.inner.call(watched),
            watch: Some(watch),
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
        // The request is on its way: reading it now costs the call nothing.
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

    /// A factory of the same requests, each of which is an attempt.
    fn watched(
        self: &Arc<Self>,
        factory: HttpRequestFactory,
        includes_usage: bool,
    ) -> HttpRequestFactory {
        let watch = Arc::clone(self);
        HttpRequestFactory::new(move || {
            let (watch, factory) = (Arc::clone(&watch), factory.clone());
            async move {
                let mut request = factory.build().await?;
                if includes_usage {
                    over_reqwest::include_usage(&mut request);
                }
                watch.see(&request);
                Ok(request)
            }
        })
    }

    fn see(&self, request: &Request) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut state.seen, true) {
            let endpoint = over_reqwest::recognise(request);
            state.call = endpoint.and_then(|endpoint| ObservedCall::start(&self.origin, endpoint));
            if let Some(call) = &state.call {
                // The body is shared, not copied.
                match request.try_clone() {
                    Some(request) => state.unread = Some(request),
                    // A form: nothing in it is read.
                    None => call.request(&[]),
                }
            }
        }
        if let Some(call) = &state.call {
            call.attempt();
        }
    }

    fn read_request(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(request) = state.unread.take() else {
            return;
        };
        let body = request.body().and_then(reqwest::Body::as_bytes);
        if let (Some(call), Some(body)) = (&state.call, body) {
            call.request(body);
        }
    }

    fn take(&self) -> Option<ObservedCall> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .call
            .take()
    }
}
