//! The route of a request, as the template that matched it.

use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
};

use http::{Method, Request, request::Parts};

use crate::{Observation, observation::attributes};

/// Names a request's route template.
pub(crate) type Route = fn(&Parts) -> Option<Cow<'static, str>>;

/// The template of axum's router that matched a request, `/users/{id}` for instance; for
/// [`TraceLayer::route`](super::TraceLayer::route).
///
/// axum says it to what is inside of its router: the layer has to be applied with `Router::layer`,
/// after the routes and nested routers that it is for. Wrapped around the whole application
/// (`TraceLayer::new().layer(app)`, a `ServiceBuilder`), it sees requests that nothing has matched
/// yet, and names none. Requests that match no route have no template either.
///
/// ```
/// use axum::{Router, routing::get};
/// use warmspan::http::{TraceLayer, matched_path};
///
/// let app: Router = Router::new()
///     .route("/users/{id}", get(|| async { "somebody" }))
///     .layer(TraceLayer::new().route(matched_path)); // named "GET /users/{id}"
/// ```
#[cfg(feature = "axum")]
pub fn matched_path(request: &Parts) -> Option<Cow<'static, str>> {
    let path = request.extensions.get::<axum::extract::MatchedPath>()?;
    Some(Cow::Owned(path.as_str().to_owned()))
}

/// The template that `route` names, if there is one.
pub(crate) fn template<B>(
    route: Option<Route>,
    request: Request<B>,
) -> (Option<Template>, Request<B>) {
    let Some(route) = route else {
        return (None, request);
    };
    let (parts, body) = request.into_parts();
    // Naming a request must not be what breaks it.
    let named = catch_unwind(AssertUnwindSafe(|| route(&parts)));
    let template = named.ok().flatten().filter(|path| !path.is_empty());
    (template.map(Template), Request::from_parts(parts, body))
}

/// A route template.
pub(crate) struct Template(Cow<'static, str>);

impl Template {
    /// `{method} {template}` (OpenTelemetry semantic conventions 1.41, "HTTP server span": a method
    /// that is not known is `HTTP`, since clients can make up any number of them).
    pub(crate) fn name(&self, method: &Method) -> Cow<'static, str> {
        let method = if is_known(method) {
            method.as_str()
        } else {
            "HTTP"
        };
        Cow::Owned(format!("{method} {}", self.0))
    }

    pub(crate) fn describe(self, root: &Observation) {
        root.fact(attributes::HTTP_ROUTE, self.0);
    }
}

/// Those of RFC 9110, and PATCH.
fn is_known(method: &Method) -> bool {
    [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::HEAD,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ]
    .contains(method)
}
