//! Requests through `TraceLayer`: what their roots say.

use axum::{Router, body::Body, routing::get};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use lambda_http::RequestExt as _;
use tower::{Layer as _, ServiceExt as _, service_fn};
use warmspan::http::TraceLayer;

use crate::lambda_stage::{Stage, context};

const ATTRIBUTES: [&str; 2] = ["http.request.method", "http.response.status_code"];

#[tokio::test]
async fn they_have_the_method_and_the_status() {
    for (path, outline) in [
        (
            "/tea",
            "chat [span] http.request.method=GET http.response.status_code=200\n",
        ),
        (
            "/beer",
            "chat [span] http.request.method=GET http.response.status_code=404\n",
        ),
        (
            "/coffee",
            "chat [span] ERROR \"HTTP 503\" http.request.method=GET http.response.status_code=503\n",
        ),
    ] {
        let stage = Stage::set().await;
        let app = menu().layer(TraceLayer::with_sdk(stage.sdk()));
        let response = app.oneshot(request(Method::GET, path)).await.unwrap();
        response.into_body().collect().await.unwrap();

        assert_eq!(stage.outlines(&ATTRIBUTES), [outline]);
        assert!(!stage.langfuse.contains(path), "a path was recorded");
    }
}

#[tokio::test]
async fn on_lambda_they_say_what_lambda_says() {
    let stage = Stage::set().await;
    let sdk = stage.sdk_with(&[("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")]);
    let app = menu().layer(TraceLayer::with_sdk(sdk));
    for _ in 0..2 {
        let request = request(Method::GET, "/tea").with_lambda_context(context());
        let response = app.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }

    let attributes = [
        "faas.coldstart",
        "faas.name",
        "faas.invocation_id",
        "faas.max_memory",
        "aws.lambda.initialization_type",
    ];
    let outline = |coldstart| {
        format!(
            "chat [span] faas.coldstart={coldstart} faas.name=chat \
             faas.invocation_id=8476a536-e9f4-11e8-9739-2dfe598c3fcd faas.max_memory=268435456 \
             aws.lambda.initialization_type=on-demand\n"
        )
    };
    assert_eq!(stage.outlines(&attributes), [outline(true), outline(false)]);
}

#[tokio::test]
async fn what_the_router_does_nests_below_them() {
    let stage = Stage::set().await;
    let sdk = stage.sdk();
    let inside = sdk.clone();
    let handler = move || async move { inside.generation("answer").end() };
    let app = Router::new()
        .route("/", get(handler))
        .layer(TraceLayer::with_sdk(sdk));
    app.oneshot(request(Method::GET, "/")).await.unwrap();

    assert_eq!(
        stage.outlines(&[]),
        ["chat [span]\n└─ answer [generation]\n"]
    );
}

#[tokio::test]
async fn an_error_of_the_service_is_recorded_and_returned() {
    let stage = Stage::set().await;
    let fails = service_fn(|_: Request<Body>| async {
        Err::<http::Response<Body>, _>(std::io::Error::other("no kettle"))
    });
    let service = TraceLayer::with_sdk(stage.sdk()).layer(fails);
    let error = service
        .oneshot(request(Method::GET, "/tea"))
        .await
        .unwrap_err();

    assert_eq!(error.to_string(), "no kettle");
    assert_eq!(stage.outlines(&[]), ["chat [span] ERROR \"no kettle\"\n"]);
}

#[tokio::test]
async fn a_panic_is_an_error_that_arrives_before_it_goes_on() {
    let stage = Stage::set().await;
    let panics = service_fn(|request: Request<Body>| async move {
        assert_ne!(request.method(), Method::GET, "out of hand");
        Ok::<_, std::io::Error>(http::Response::new(Body::empty()))
    });
    let service = TraceLayer::with_sdk(stage.sdk()).layer(panics);
    let polled = std::panic::AssertUnwindSafe(service.oneshot(request(Method::GET, "/tea")));
    let panic = futures_util::FutureExt::catch_unwind(polled)
        .await
        .unwrap_err();

    assert!(
        panic
            .downcast_ref::<String>()
            .unwrap()
            .contains("out of hand")
    );
    let outline = stage.outlines(&[]).remove(0);
    assert!(
        outline.starts_with("chat [span] ERROR \"panicked: "),
        "{outline}"
    );
}

fn menu() -> Router {
    Router::new()
        .route("/tea", get(|| async { "a cup" }))
        .route("/coffee", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
}

fn request(method: Method, path: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.body(Body::empty()).unwrap()
}
