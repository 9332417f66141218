//! Requests that end otherwise than with the last byte of their response: each is told as it was, and
//! flushed.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::IntoResponse as _, routing::get};
use bytes::{Buf as _, Bytes};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tower::{Layer as _, ServiceExt as _, service_fn};
use warmspan::{
    Observation, Sdk,
    http::{TraceLayer, TracedBody},
    testkit::langfuse::Langfuse,
};

const LONG: Duration = Duration::from_secs(10);

struct Stage {
    langfuse: Langfuse,
    sdk: Sdk,
}

impl Stage {
    async fn new() -> Self {
        let langfuse = Langfuse::start().await.unwrap();
        let variables: [(&str, &str); 0] = [];
        let config = langfuse.config().environment_variables(variables);
        let sdk = Sdk::new(config.service_name("chat"));
        Self { langfuse, sdk }
    }

    /// What arrives without anybody flushing.
    async fn arrived(&self) -> String {
        self.langfuse.wait_for_spans(1, LONG).await.unwrap();
        self.langfuse.traces()[0].outline()
    }

    /// The traced body of a response.
    async fn body_of<B>(&self, response: Response<B>) -> TracedBody<B>
    where
        B: http_body::Body<Error: std::fmt::Display>,
    {
        let mut response = Some(response);
        let handler = service_fn(move |_: Request<Body>| {
            let response = response.take().unwrap();
            async { Ok::<_, Infallible>(response) }
        });
        let traced = TraceLayer::with_sdk(self.sdk.clone()).layer(handler);
        let response = traced.oneshot(Request::new(Body::empty())).await;
        response.unwrap().into_body()
    }
}

async fn never(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    std::future::pending().await
}

#[tokio::test]
async fn one_that_is_dropped_before_its_response_is_flushed() {
    let stage = Stage::new().await;
    let traced = TraceLayer::with_sdk(stage.sdk.clone()).layer(service_fn(never));
    let call = traced.oneshot(Request::new(Body::empty()));
    assert!(call.now_or_never().is_none());
    assert_eq!(
        stage.arrived().await,
        "chat [span] WARNING \"cancelled before the response\"\n"
    );
}

#[tokio::test]
async fn one_whose_client_leaves_a_server_is_flushed() {
    let stage = Stage::new().await;
    let begun = Arc::new(Notify::new());
    let handler = {
        let begun = Arc::clone(&begun);
        move || async move {
            begun.notify_one();
            std::future::pending::<String>().await
        }
    };
    let app = Router::new().route("/", get(handler));
    let app = app.layer(TraceLayer::with_sdk(stage.sdk.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    begun.notified().await;
    drop(client);
    assert_eq!(
        stage.arrived().await,
        "chat [span] WARNING \"cancelled before the response\"\n"
    );
    server.abort();
}

#[tokio::test]
async fn a_flush_that_is_dropped_with_the_response_goes_on() {
    let stage = Stage::new().await;
    let empty =
        service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let traced = TraceLayer::with_sdk(stage.sdk.clone()).layer(empty);
    let call = traced.oneshot(Request::new(Body::empty()));
    assert!(call.now_or_never().is_none(), "it waits for the flush");
    assert_eq!(stage.arrived().await, "chat [span]\n");
}

#[tokio::test]
async fn a_body_that_panics_is_an_error_with_the_panic() {
    let stage = Stage::new().await;
    let pieces = stream::once(async { Ok::<_, Infallible>(Bytes::from("a ")) })
        .chain(stream::once(async { panic!("boom") }));
    let mut body = stage
        .body_of(Response::new(Body::from_stream(pieces)))
        .await;
    let reading = tokio::spawn(async move {
        body.frame().await.unwrap().unwrap();
        body.frame().await
    });
    reading.await.unwrap_err();
    assert_eq!(
        stage.arrived().await,
        "chat [span] ERROR \"panicked: boom\"\n"
    );
}

#[tokio::test]
async fn an_error_stays_one_when_the_client_goes_away() {
    let stage = Stage::new().await;
    let endless = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    let mut response = Response::new(endless);
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let mut body = stage.body_of(response).await;
    assert!(body.frame().now_or_never().is_none());
    drop(body);
    assert_eq!(stage.arrived().await, "chat [span] ERROR \"HTTP 502\"\n");
}

#[tokio::test]
async fn a_frame_of_several_chunks_counts_whole() {
    let stage = Stage::new().await;
    let data = Bytes::from("an ").chain(Bytes::from("answer"));
    let frames = stream::iter([Ok::<_, Infallible>(Frame::data(data))]).chain(stream::pending());
    let response = Response::builder().header("content-length", 9);
    let mut body = stage
        .body_of(response.body(StreamBody::new(frames)).unwrap())
        .await;
    body.frame().await.unwrap().unwrap();
    // Whoever knows the length does not ask for the end.
    drop(body);
    assert_eq!(stage.arrived().await, "chat [span]\n");
}

#[tokio::test]
async fn responses_whose_bodies_a_server_does_not_read_are_complete() {
    let nothing = || Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
    let not_modified = get(async || (StatusCode::NOT_MODIFIED, "unread").into_response());
    let no_content = get(async || (StatusCode::NO_CONTENT, "unread").into_response());
    let empty = get(async move || ([("content-length", "0")], nothing()).into_response());
    for route in [not_modified, no_content, empty] {
        let stage = Stage::new().await;
        let app = Router::new().route("/", route);
        let app = app.layer(TraceLayer::with_sdk(stage.sdk.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(
            stage.langfuse.observations().len(),
            1,
            "flushed before the response"
        );
        assert_eq!(stage.arrived().await, "chat [span]\n");
        server.abort();
    }
}

#[test]
fn outside_of_tokio_the_response_comes_and_the_trace_arrives() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let stage = runtime.block_on(Stage::new());
    let handler = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::new(Body::from("hi")))
    });
    let traced = TraceLayer::with_sdk(stage.sdk.clone()).layer(handler);
    let said = futures_executor::block_on(async {
        let response = traced.oneshot(Request::new(Body::empty())).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    });
    assert_eq!(said, "hi");
    assert_eq!(runtime.block_on(stage.arrived()), "chat [span]\n");
}

#[tokio::test]
async fn a_root_that_the_program_ended_itself_is_no_open_request() {
    let stage = Stage::new().await;
    let ends = service_fn(|request: Request<Body>| {
        Observation::current().unwrap().end();
        never(request)
    });
    let traced = TraceLayer::with_sdk(stage.sdk.clone()).layer(ends);
    assert!(
        traced
            .oneshot(Request::new(Body::empty()))
            .now_or_never()
            .is_none()
    );
    assert!(format!("{:?}", stage.sdk).contains("OpenRequests { open: 0,"));
}
