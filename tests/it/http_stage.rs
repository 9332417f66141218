//! The stage of the tests of servers: an SDK of a long-running process that sends to an in-process
//! Langfuse.

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::{Layer as _, Service, ServiceExt as _};
use warmspan::{
    Sdk,
    http::TraceLayer,
    testkit::langfuse::{Langfuse, Observation},
};

/// An SDK that sends to `langfuse` and sees only these variables.
pub(crate) fn server(langfuse: &Langfuse, variables: &[(&str, &str)]) -> Sdk {
    Sdk::new(
        langfuse
            .config()
            .service_name("chat")
            .environment_variables(variables.iter().copied()),
    )
}

/// Sends one request through the layer to its response's end.
pub(crate) async fn respond<S, R>(sdk: &Sdk, service: S, request: Request<Body>) -> bytes::Bytes
where
    S: Service<Request<Body>, Response = Response<R>>,
    S::Error: std::fmt::Display + std::fmt::Debug,
    R: http_body::Body,
    R::Error: std::fmt::Display + std::fmt::Debug,
{
    let service = TraceLayer::with_sdk(sdk.clone()).layer(service);
    let response = service.oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap().to_bytes()
}

/// The root of the only trace that arrived.
pub(crate) fn root(langfuse: &Langfuse) -> Observation {
    let traces = langfuse.traces();
    assert_eq!(traces.len(), 1);
    traces[0].root().unwrap().clone()
}
