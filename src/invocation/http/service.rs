//! The service around the service.

use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context as TaskContext, Poll},
};

use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use opentelemetry::Context;
use tower_service::Service;

use super::{
    TraceFuture, TracedBody,
    future::Handling,
    place,
    request_body::preview,
    route::{Route, template},
};
use crate::{
    FlushPoint, Observation, Sdk,
    invocation::{budget::Deadline, parent::Incoming, scope::Scope},
    observation::attributes,
};

/// A service whose requests are traced. Made by [`TraceLayer`](super::TraceLayer).
#[derive(Clone, Debug)]
pub struct TraceService<S> {
    inner: S,
    sdk: Sdk,
    route: Option<Route>,
}

impl<S> TraceService<S> {
    pub(super) fn new(inner: S, sdk: Sdk, route: Option<Route>) -> Self {
        Self { inner, sdk, route }
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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut scope = None;
        if self.sdk.is_enabled() {
            let (opened, same) = open(&self.sdk, self.route, request);
            (scope, request) = (Some(opened), same);
        }
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

fn open<B: 'static>(sdk: &Sdk, route: Option<Route>, request: Request<B>) -> (Scope, Request<B>) {
    let (template, mut request) = template(route, request);
    let platform = Platform::of(&request);
    let name = match &template {
        Some(template) => template.name(request.method()),
        None => platform
            .name()
            .unwrap_or_else(|| Cow::Owned(sdk.settings().service_name.clone())),
    };
    let mut scope = Scope::open(sdk, name, &incoming(request.headers()), platform.deadline());
    let settings = sdk.settings();
    if settings.flush_interval.is_some() && settings.flush_point == FlushPoint::AfterResponse {
        scope.leave_to_interval();
    }
    let root = scope.root();
    if root.is_recording() {
        root.fact(attributes::FAAS_TRIGGER, "http").fact(
            attributes::HTTP_METHOD,
            request.method().as_str().to_owned(),
        );
        if let Some(template) = template {
            template.describe(root);
        }
        place::describe(root, request.headers());
        platform.describe(root);
    }
    if let Some(open) = scope.request() {
        preview(request.body_mut(), open);
    }
    (scope, request)
}

pub(crate) fn incoming(headers: &HeaderMap) -> Incoming {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let traceparent = text("traceparent");
    Incoming {
        cloud_trace: match traceparent {
            Some(_) => None,
            None => text("x-cloud-trace-context"),
        },
        traceparent,
        baggage: baggage(headers),
    }
}

/// All headers of that name, which count as one (W3C Baggage, 3.1).
fn baggage(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all("baggage").iter();
    let mut baggage = all.find_map(|one| one.to_str().ok())?.to_owned();
    for more in all.filter_map(|more| more.to_str().ok()) {
        baggage.push(',');
        baggage.push_str(more);
    }
    Some(baggage)
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
