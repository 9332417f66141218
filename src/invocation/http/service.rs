//! The service around the service.

use std::{
    any::Any,
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context as TaskContext, Poll},
};

use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use opentelemetry::Context;
use tower_service::Service;

use super::{TraceFuture, TracedBody, future::Handling};
use crate::{
    Observation, Sdk,
    invocation::{budget::Deadline, parent::Incoming, scope::Scope},
    observation::attributes,
};

/// A service whose requests are traced. Made by [`TraceLayer`](super::TraceLayer).
#[derive(Clone, Debug)]
pub struct TraceService<S> {
    inner: S,
    sdk: Sdk,
}

impl<S> TraceService<S> {
    pub(super) fn new(inner: S, sdk: Sdk) -> Self {
        Self { inner, sdk }
    }
}

impl<S, B, R> Service<Request<B>> for TraceService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: fmt::Display,
    B: 'static,
    R: Body,
{
    type Response = Response<TracedBody<R>>;
    type Error = S::Error;
    type Future = TraceFuture<S::Future, R, S::Error>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let scope = self.sdk.is_enabled().then(|| open(&self.sdk, &request));
        let is_head = request.method() == Method::HEAD;
        let context = scope.as_ref().map_or_else(Context::current, Scope::context);
        let _attached = context.clone().attach();
        let handling = match catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) {
            Ok(future) => Handling::Running(future),
            Err(panic) => Handling::Panicked(panic),
        };
        TraceFuture::new(handling, scope, context, is_head)
    }
}

fn open<B: 'static>(sdk: &Sdk, request: &Request<B>) -> Scope {
    let platform = Platform::of(request);
    let name = platform
        .name()
        .unwrap_or_else(|| Cow::Owned(sdk.settings().service_name.clone()));
    let scope = Scope::open(sdk, name, &incoming(request.headers()), platform.deadline());
    let root = scope.root();
    if root.is_recording() {
        root.fact(attributes::FAAS_TRIGGER, "http").fact(
            attributes::HTTP_METHOD,
            request.method().as_str().to_owned(),
        );
        platform.describe(root);
        record_input(root, request.body());
    }
    scope
}

pub(crate) fn incoming(headers: &HeaderMap) -> Incoming {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
    Incoming {
        traceparent: text("traceparent"),
        baggage: text("baggage"),
    }
}

/// What the platform says of the request by way of its extensions.
struct Platform<'a> {
    #[cfg(feature = "lambda-http")]
    lambda: Option<&'a lambda_runtime::Context>,
    #[cfg(not(feature = "lambda-http"))]
    none: std::marker::PhantomData<&'a ()>,
}

#[cfg(feature = "lambda-http")]
impl<'a> Platform<'a> {
    fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            lambda: request.extensions().get(),
        }
    }

    fn name(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Owned(self.lambda?.env_config.function_name.clone()))
    }

    fn deadline(&self) -> Deadline {
        self.lambda
            .map_or(Deadline::UNKNOWN, crate::invocation::lambda::deadline)
    }

    fn describe(&self, root: &Observation) {
        if let Some(context) = self.lambda {
            crate::invocation::lambda::describe_invocation(root, context);
        }
    }
}

#[cfg(not(feature = "lambda-http"))]
#[expect(
    clippy::unused_self,
    reason = "the same shape with and without a platform"
)]
impl<'a> Platform<'a> {
    fn of<B>(_: &'a Request<B>) -> Self {
        Self {
            none: std::marker::PhantomData,
        }
    }

    fn name(&self) -> Option<Cow<'static, str>> {
        None
    }

    fn deadline(&self) -> Deadline {
        Deadline::UNKNOWN
    }

    fn describe(&self, _: &Observation) {}
}

/// The body of a `lambda_http` request is there already; any other is not to be touched.
fn record_input(root: &Observation, body: &dyn Any) {
    #[cfg(feature = "lambda-http")]
    if let Some(body) = body.downcast_ref::<lambda_http::Body>() {
        let limit = root.sdk().content().max_chars();
        match body {
            lambda_http::Body::Text(text) => {
                root.captured_input(crate::observation::Captured::of(text, limit));
            }
            lambda_http::Body::Binary(bytes) => {
                let described = match std::str::from_utf8(bytes) {
                    Ok(text) => crate::observation::Captured::of(text, limit),
                    Err(_) => {
                        crate::observation::Captured::of(&format!("<{} bytes>", bytes.len()), limit)
                    }
                };
                root.captured_input(described);
            }
            _ => {}
        }
    }
    let _ = (root, body);
}
