//! Routes told apart by their templates, and paths never recorded.

use std::borrow::Cow;

use axum::{Router, body::Body, routing::get};
use http::{Method, Request, request::Parts};
use tower::{Layer as _, ServiceExt as _};
use vercel_runtime::service_fn;
use warmspan::{
    http::{TraceLayer, matched_path},
    testkit::langfuse::Langfuse,
    vercel::Traced,
};

use crate::{
    http_stage::server,
    lambda_stage::Stage,
    vercel_stage::{Connection, sdk},
};

const ROUTE: &[&str] = &["http.route"];

#[tokio::test]
async fn those_of_axum_are_told_apart_by_their_templates() {
    let langfuse = Langfuse::start().await.unwrap();
    let layer = TraceLayer::with_sdk(server(&langfuse, &[])).route(matched_path);
    let app = kettles().layer(layer);
    for path in ["/kettles/alice", "/kettles/bob", "/teas/alice/cups/bob"] {
        ask(&app, Method::GET, path).await;
    }

    assert_eq!(
        outlines(&langfuse),
        [
            "GET /kettles/{owner} [span] http.route=/kettles/{owner}\n",
            "GET /kettles/{owner} [span] http.route=/kettles/{owner}\n",
            "GET /teas/{tea}/cups/{cup} [span] http.route=/teas/{tea}/cups/{cup}\n",
        ]
    );
    assert!(!langfuse.contains("alice") && !langfuse.contains("bob"));
}

#[tokio::test]
async fn what_matches_no_route_keeps_its_name() {
    let langfuse = Langfuse::start().await.unwrap();
    let layer = TraceLayer::with_sdk(server(&langfuse, &[])).route(matched_path);
    let app = kettles().layer(layer.clone());
    ask(&app, Method::GET, "/nobody/alice").await;
    // Around the router nothing has matched yet.
    let outside = layer.layer(kettles());
    let asked = request(Method::GET, "/kettles/alice");
    outside.oneshot(asked).await.unwrap();

    assert_eq!(outlines(&langfuse)[0], "chat [span]\n");
    assert!(!langfuse.contains("alice"));
}

#[tokio::test]
async fn a_method_that_somebody_made_up_is_in_no_name() {
    let langfuse = Langfuse::start().await.unwrap();
    let layer = TraceLayer::with_sdk(server(&langfuse, &[])).route(matched_path);
    let app = kettles().layer(layer);
    ask(&app, Method::from_bytes(b"BREW").unwrap(), "/kettles/alice").await;

    assert_eq!(
        outlines(&langfuse),
        ["HTTP /kettles/{owner} [span] http.route=/kettles/{owner}\n"]
    );
}

#[tokio::test]
async fn a_hook_that_panics_or_says_nothing_harms_nobody() {
    fn panics(_: &Parts) -> Option<Cow<'static, str>> {
        panic!("no route")
    }
    fn is_empty(_: &Parts) -> Option<Cow<'static, str>> {
        Some("".into())
    }
    for route in [panics, is_empty] {
        let langfuse = Langfuse::start().await.unwrap();
        let layer = TraceLayer::with_sdk(server(&langfuse, &[])).route(route);
        let app = kettles().layer(layer);
        assert_eq!(ask(&app, Method::GET, "/kettles/alice").await, 200);
        assert_eq!(outlines(&langfuse), ["chat [span]\n"]);
    }
}

#[tokio::test]
async fn those_of_a_function_on_vercel_are_named_by_a_hook() {
    let stage = Stage::set().await;
    let answers = service_fn(|request: vercel_runtime::Request| async move {
        // The hook has left everything in its place.
        Ok::<_, vercel_runtime::Error>(request.uri().path().to_owned())
    });
    let service = Traced::new(answers, sdk(&stage, &[])).route(|request| {
        let is_one = request.uri.path().starts_with("/api/kettles/");
        is_one.then_some(Cow::Borrowed("/api/kettles/{owner}"))
    });
    let mut connection = Connection::to(service).await;
    for path in ["/api/kettles/alice", "/api/teas"] {
        let request = crate::vercel_stage::get(path);
        assert_eq!(connection.send(request).await, (200, path.to_owned()));
    }

    assert_eq!(
        stage.outlines(ROUTE),
        [
            "GET /api/kettles/{owner} [span] http.route=/api/kettles/{owner}\n",
            "vercel [span]\n",
        ]
    );
}

fn kettles() -> Router {
    let cups = Router::new().route("/cups/{cup}", get(|| async {}));
    Router::new()
        .route("/kettles/{owner}", get(|| async {}))
        .nest("/teas/{tea}", cups)
}

async fn ask(app: &Router, method: Method, path: &str) -> u16 {
    let response = app.clone().oneshot(request(method, path)).await.unwrap();
    response.status().as_u16()
}

fn request(method: Method, path: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.body(Body::empty()).unwrap()
}

fn outlines(langfuse: &Langfuse) -> Vec<String> {
    let traces = langfuse.traces();
    traces
        .iter()
        .map(|trace| trace.outline_with(ROUTE))
        .collect()
}
