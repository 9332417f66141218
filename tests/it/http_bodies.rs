//! A response's body keeps the root open, and its last frame waits for the flush.

use std::{convert::Infallible, io};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Method, Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use tower::{Layer as _, ServiceExt as _, service_fn};
use warmspan::{
    Sdk,
    http::{TraceLayer, TracedBody},
};

use crate::lambda_stage::{LONG, Stage};

#[tokio::test]
async fn one_of_a_single_piece_waits_with_it() {
    let stage = Stage::set().await;
    let mut body = answered(
        stage.sdk(),
        Method::GET,
        Full::new(Bytes::from("an answer")),
    )
    .await;
    assert!(stage.langfuse.requests().is_empty());
    assert_eq!(body.size_hint().exact(), Some(9));

    let last = body.frame().await.unwrap().unwrap();
    assert_eq!(stage.root().output.as_deref(), Some("an answer"));
    assert_eq!(last.into_data().unwrap(), "an answer");
    assert!(body.is_end_stream());
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_streamed_one_passes_its_frames_at_once_and_waits_with_its_end() {
    let stage = Stage::set().await;
    let frames = ["a ", "streamed ", "answer"].map(frame);
    let mut body = answered(
        stage.sdk(),
        Method::GET,
        StreamBody::new(stream::iter(frames)),
    )
    .await;
    for text in ["a ", "streamed ", "answer"] {
        assert_eq!(
            body.frame().await.unwrap().unwrap().into_data().unwrap(),
            text
        );
        assert!(
            stage.langfuse.requests().is_empty(),
            "flushed in the middle"
        );
    }

    assert!(body.frame().await.is_none());
    assert_eq!(stage.root().output.as_deref(), Some("a streamed answer"));
}

#[tokio::test]
async fn one_whose_head_says_its_length_waits_with_its_last_byte() {
    let stage = Stage::set().await;
    let frames = stream::iter(["an ", "answer"].map(frame)).chain(stream::pending());
    let response = Response::builder().header("content-length", 9);
    let response = response.body(StreamBody::new(frames)).unwrap();
    let mut body = answered_with(stage.sdk(), Method::GET, response).await;
    body.frame().await.unwrap().unwrap();
    assert!(stage.langfuse.requests().is_empty());

    let last = body.frame().await.unwrap().unwrap();
    assert_eq!(stage.root().output.as_deref(), Some("an answer"));
    assert_eq!(last.into_data().unwrap(), "answer");
    drop(body);
    assert_eq!(stage.outlines(&[]), ["chat [span]\n"]);
}

#[tokio::test]
async fn trailers_pass_and_wait() {
    let stage = Stage::set().await;
    let trailers = http::HeaderMap::from_iter([(http::header::ETAG, "hush".parse().unwrap())]);
    let frames = [frame("an answer"), Ok(Frame::trailers(trailers.clone()))];
    let body = answered(
        stage.sdk(),
        Method::GET,
        StreamBody::new(stream::iter(frames)),
    )
    .await;
    let collected = body.collect().await.unwrap();

    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(stage.root().output.as_deref(), Some("an answer"));
    assert!(!stage.langfuse.contains("hush"));
}

#[tokio::test]
async fn an_empty_one_has_its_head_wait() {
    let stage = Stage::set().await;
    let body = answered(stage.sdk(), Method::GET, Empty::<Bytes>::new()).await;

    assert!(body.is_end_stream());
    assert_eq!(stage.outlines(&[]), ["chat [span]\n"]);
}

#[tokio::test]
async fn that_of_a_head_request_has_its_head_wait() {
    let stage = Stage::set().await;
    let _never_read = answered(
        stage.sdk(),
        Method::HEAD,
        Full::new(Bytes::from("an answer")),
    )
    .await;

    assert_eq!(stage.outlines(&[]), ["chat [span]\n"]);
}

#[tokio::test]
async fn a_client_that_goes_away_is_a_warning() {
    let stage = Stage::set().await;
    let frames = stream::iter([frame("a "), frame("streamed ")]).chain(stream::pending());
    let mut body = answered(stage.sdk(), Method::GET, StreamBody::new(frames)).await;
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
    }
    drop(body);

    stage.langfuse.wait_for_spans(1, LONG).await.unwrap();
    let root = stage.root();
    assert_eq!(root.level, "WARNING");
    assert_eq!(
        root.status_message.as_deref(),
        Some("the client went away after 11 bytes of the response")
    );
    assert_eq!(root.output.as_deref(), Some("a streamed "));
}

#[tokio::test]
async fn one_that_fails_is_an_error_that_arrives_before_it() {
    let stage = Stage::set().await;
    let frames = [
        Ok(Frame::data(Bytes::from("a "))),
        Err(io::Error::other("cut")),
    ];
    let mut body = answered(
        stage.sdk(),
        Method::GET,
        StreamBody::new(stream::iter(frames)),
    )
    .await;
    body.frame().await.unwrap().unwrap();
    let error = body.frame().await.unwrap().unwrap_err();
    drop(body);

    assert_eq!(error.to_string(), "cut");
    let root = stage.root();
    assert_eq!(root.level, "ERROR");
    assert_eq!(
        root.status_message.as_deref(),
        Some("the response body failed: cut")
    );
    assert_eq!(root.output.as_deref(), Some("a "));
}

#[tokio::test]
async fn a_flush_that_its_reader_drops_goes_on() {
    let stage = Stage::set().await;
    let mut body = answered(
        stage.sdk(),
        Method::GET,
        Full::new(Bytes::from("an answer")),
    )
    .await;
    // Polled once: the answer has ended, and the flush has begun.
    assert!(futures_util::FutureExt::now_or_never(body.frame()).is_none());
    drop(body);

    stage.langfuse.wait_for_spans(1, LONG).await.unwrap();
    assert_eq!(stage.outlines(&[]), ["chat [span]\n"]);
}

#[tokio::test]
async fn a_cut_one_is_a_preview_that_says_what_it_left_out() {
    let stage = Stage::set().await;
    let pieces = stream::iter(0..100).map(|_| frame("0123456789"));
    let body = answered(stage.sdk(), Method::GET, StreamBody::new(pieces)).await;
    body.collect().await.unwrap();

    let root = stage.root();
    assert_eq!(
        root.output,
        Some(format!("{}…[+500 chars]", "0123456789".repeat(50)))
    );
    assert_eq!(root.int("warmspan.output.chars"), Some(1_000));
}

/// The body of a response to a request of this method.
async fn answered<B>(sdk: Sdk, method: Method, body: B) -> TracedBody<B>
where
    B: http_body::Body<Error: std::fmt::Display> + Unpin,
{
    answered_with(sdk, method, Response::new(body)).await
}

async fn answered_with<B>(sdk: Sdk, method: Method, response: Response<B>) -> TracedBody<B>
where
    B: http_body::Body<Error: std::fmt::Display> + Unpin,
{
    let mut response = Some(response);
    let answers = service_fn(move |_: Request<Body>| {
        let response = response.take().unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let request = Request::builder().method(method).body(Body::empty());
    let service = TraceLayer::with_sdk(sdk).layer(answers);
    service.oneshot(request.unwrap()).await.unwrap().into_body()
}

#[expect(clippy::unnecessary_wraps, reason = "a stream's item")]
fn frame(text: &'static str) -> Result<Frame<Bytes>, Infallible> {
    Ok(Frame::data(text.into()))
}
