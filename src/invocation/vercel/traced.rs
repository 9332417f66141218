//! The service around the service.

use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context as TaskContext, Poll},
};

use http::{Method, Response, request::Parts};
use tower_service::Service;
use vercel_runtime::{AppState, Request, ResponseBody};

use super::{TracedFuture, request};
use crate::{
    Sdk,
    invocation::{
        http::{Handling, Route, TraceFuture},
        scope::Hold,
    },
};

/// Traces a service of `vercel_runtime`: each request becomes a trace of the process's SDK,
/// [`warmspan::sdk`](crate::sdk).
///
/// ```no_run
/// use vercel_runtime::{AppState, Error, Request, run, service_fn};
/// use warmspan::vercel::traced;
///
/// async fn handler(_: Request, state: AppState) -> Result<&'static str, Error> {
///     state.log_context.info("asked");
///     Ok("an answer")
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     run(traced(service_fn(handler))).await
/// }
/// ```
///
/// [`warmspan::vercel::run`](super::run) does both, and flushes once more before the process ends.
pub fn traced<S>(service: S) -> Traced<S> {
    Traced::new(service, crate::sdk().clone())
}

/// A service that is traced. Made by [`traced`]; its clones share their SDK.
#[derive(Clone, Debug)]
pub struct Traced<S> {
    inner: S,
    sdk: Sdk,
    route: Option<Route>,
}

impl<S> Traced<S> {
    /// Traces `service` with an SDK of your own, which is connected ahead of the first request.
    /// The process's SDK is left alone.
    pub fn new(service: S, sdk: Sdk) -> Self {
        sdk.warm_up_in_background();
        Self {
            inner: service,
            sdk,
            route: None,
        }
    }

    /// Tells routes apart by their templates, like
    /// [`TraceLayer::route`](crate::http::TraceLayer::route). (The router of an axum application is
    /// inside of this service, so its `MatchedPath` is not there yet.)
    ///
    /// ```
    /// # use vercel_runtime::{Error, Request, service_fn};
    /// # async fn handler(_: Request) -> Result<&'static str, Error> { Ok("an answer") }
    /// use warmspan::vercel::traced;
    ///
    /// let service = traced(service_fn(handler)).route(|request| {
    ///     request.uri.path().starts_with("/api/users/").then_some("/api/users/{id}".into())
    /// });
    /// ```
    #[must_use]
    pub fn route(mut self, route: fn(&Parts) -> Option<Cow<'static, str>>) -> Self {
        self.route = Some(route);
        self
    }

    pub(super) fn sdk(&self) -> &Sdk {
        &self.sdk
    }
}

impl<S> Service<(AppState, Request)> for Traced<S>
where
    S: Service<(AppState, Request), Response = Response<ResponseBody>>,
    S::Error: fmt::Display,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = TracedFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, (state, request): (AppState, Request)) -> Self::Future {
        if !self.sdk.is_enabled() {
            return TracedFuture::untraced(self.inner.call((state, request)));
        }
        let (hold, released) = Hold::new();
        // Now, since the runtime says that the request has ended once the head is there and
        // nothing is registered.
        state.wait_until(released);
        let (scope, request) = request::open(&self.sdk, self.route, request);
        let scope = scope.held_by(hold);
        let is_head = request.method() == Method::HEAD;
        let context = scope.context();
        let _attached = context.clone().attach();
        let call = AssertUnwindSafe(|| self.inner.call((state, request)));
        let handling = match catch_unwind(call) {
            Ok(future) => Handling::Running(future),
            Err(panic) => Handling::Panicked(panic),
        };
        TracedFuture::traced(TraceFuture::new(handling, Some(scope), context, is_head))
    }
}
