//! An axum application behind the runtime's own layer.

use axum::{
    Json, Router,
    response::{IntoResponse, Sse, sse::Event},
    routing::{get as route, post},
};
use futures_util::{Stream, StreamExt as _, stream};
use http::StatusCode;
use serde_json::{Value, json};
use tower::Layer as _;
use vercel_runtime::axum::VercelLayer;
use warmspan::{Observation, observe, vercel::Traced};

use crate::{
    lambda_stage::Stage,
    vercel_stage::{Connection, get, sdk},
};

#[tokio::test]
async fn its_requests_are_traces() {
    let stage = Stage::set().await;
    let mut connection = application(&stage).await;
    let request = http::Request::post("/chat")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(r#"{"question":"why"}"#);
    let answer = connection.send(request.unwrap()).await;

    assert_eq!(answer, (200, r#"{"asked":"why"}"#.to_owned()));
    assert_eq!(
        stage.outlines(&["http.response.status_code"]),
        ["vercel [span] http.response.status_code=200\n└─ chat [span]\n"]
    );
    let root = stage.root();
    assert_eq!(root.output.as_deref(), Some(r#"{"asked":"why"}"#));
}

#[tokio::test]
async fn a_stream_that_a_function_made_is_inside_of_its_request() {
    let stage = Stage::set().await;
    let mut connection = application(&stage).await;
    let answer = connection.send(get("/words")).await;

    assert_eq!(answer, (200, "data: a\n\ndata: b\n\n".to_owned()));
    assert_eq!(
        stage.outlines(&[]),
        ["vercel [span]\n└─ words [generation]\n"]
    );
}

#[tokio::test]
async fn its_failures_are_errors() {
    let stage = Stage::set().await;
    let mut connection = application(&stage).await;
    assert_eq!(connection.send(get("/fail")).await.0, 503);
    assert_eq!(connection.send(get("/nowhere")).await.0, 404);

    assert_eq!(
        stage.outlines(&["http.response.status_code"]),
        [
            "vercel [span] ERROR \"HTTP 503\" http.response.status_code=503\n",
            "vercel [span] http.response.status_code=404\n"
        ]
    );
}

async fn application(stage: &Stage) -> Connection {
    let app = Router::new()
        .route("/chat", post(chat))
        .route("/words", route(stream_words))
        .route("/fail", route(|| async { StatusCode::SERVICE_UNAVAILABLE }));
    let service = VercelLayer::new().layer(app);
    Connection::to(Traced::new(service, sdk(stage, &[]))).await
}

async fn chat(Json(question): Json<Value>) -> Json<Value> {
    if let Some(root) = Observation::current() {
        root.observation("chat").start().end();
    }
    Json(json!({ "asked": question["question"] }))
}

async fn stream_words() -> impl IntoResponse {
    Sse::new(words())
}

#[observe(as_type = "generation", capture_output = false)]
fn words() -> impl Stream<Item = Result<Event, axum::Error>> {
    stream::iter(["a", "b"]).map(|word| Ok(Event::default().data(word)))
}
