//! The layer.

use std::borrow::Cow;

use http::request::Parts;
use tower_layer::Layer;

use super::{TraceService, route::Route};
use crate::{FlushPoint, Sdk, diagnostics};

/// Traces the requests of a service and flushes before the end of each response.
///
/// ```
/// use axum::{Router, routing::post};
/// use warmspan::http::TraceLayer;
///
/// let app: Router = Router::new().route("/chat", post(|| async { "an answer" })).layer(TraceLayer::new());
/// ```
#[derive(Clone, Debug)]
pub struct TraceLayer {
    sdk: Sdk,
    route: Option<Route>,
}

impl TraceLayer {
    /// Traces with the process's SDK, [`warmspan::sdk`](crate::sdk), and connects it.
    pub fn new() -> Self {
        Self::with_sdk(crate::sdk().clone())
    }

    /// Traces with another SDK.
    pub fn with_sdk(sdk: Sdk) -> Self {
        let settings = sdk.settings();
        if settings.flush_point == FlushPoint::AfterResponse && settings.flush_interval.is_none() {
            diagnostics::warn(
                "WARMSPAN_FLUSH=after-response has no effect on `http::TraceLayer`: it flushes before the end of the \
                 response, since over plain HTTP nothing holds the platform back afterwards; on a server that keeps \
                 running between requests set LANGFUSE_FLUSH_INTERVAL as well",
            );
        }
        sdk.warm_up_in_background();
        Self { sdk, route: None }
    }

    /// Tells routes apart: what `route` says of a request is its attribute `http.route`, and the
    /// root is named after it and the method, `GET /users/{id}`. If not called, or where it says
    /// `None`, the root is named after the service or function, and no route is recorded.
    ///
    /// It must be the route's *template*, one of a few, never the path that was asked for, which may
    /// hold anybody's names and numbers and is not redacted. For axum there is `matched_path`
    /// (feature `axum`); for others:
    ///
    /// ```
    /// use http::request::Parts;
    /// use warmspan::http::TraceLayer;
    ///
    /// let layer = TraceLayer::new().route(|request: &Parts| {
    ///     request.uri.path().starts_with("/users/").then_some("/users/{id}".into())
    /// });
    /// ```
    ///
    /// Called once a request, while nothing else of it runs; one that panics has named nothing.
    #[must_use]
    pub fn route(mut self, route: fn(&Parts) -> Option<Cow<'static, str>>) -> Self {
        self.route = Some(route);
        self
    }
}

impl Default for TraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> TraceService<S> {
        TraceService::new(inner, self.sdk.clone(), self.route)
    }
}
