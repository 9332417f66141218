//! A request's body flows by: its beginning is the input of the root.

use std::{convert::Infallible, io};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, future::poll_immediate, stream};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use tokio::sync::mpsc;
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt as _, service_fn};
use warmspan::{
    Observation, Sdk,
    http::{RequestBody, TraceLayer},
    testkit::langfuse::Langfuse,
};

use crate::http_stage::{root, server};

#[tokio::test]
async fn that_of_axum_is_previewed_whoever_reads_it() {
    let langfuse = Langfuse::start().await.unwrap();
    let app = axum::Router::new()
        .route(
            "/",
            axum::routing::post(|text: String| async move { text.len().to_string() }),
        )
        .layer(TraceLayer::with_sdk(server(&langfuse, &[])));
    let pieces = ["Why is ", "the sky ", "blue?"].map(Ok::<_, Infallible>);
    let request = Request::post("/").body(Body::from_stream(stream::iter(pieces)));
    let response = app.oneshot(request.unwrap()).await.unwrap();

    let answer = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(answer, "20");
    assert_eq!(
        root(&langfuse).input.as_deref(),
        Some("Why is the sky blue?")
    );
}

#[tokio::test]
async fn frames_pass_unchanged_and_as_they_come() {
    let langfuse = Langfuse::start().await.unwrap();
    let (client, frames) = mpsc::unbounded_channel();
    let (asking, mut reading) = mpsc::unbounded_channel();
    let frames = stream::unfold(frames, |mut frames| async {
        Some((frames.recv().await?, frames))
    });
    let handler = service_fn(move |request: Request<UnsyncBoxBody<Bytes, io::Error>>| {
        let asking = asking.clone();
        async move {
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                asking.send(frame).unwrap();
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let service = TraceLayer::with_sdk(server(&langfuse, &[])).layer(handler);
    let body = UnsyncBoxBody::new(StreamBody::new(frames));
    let mut response = std::pin::pin!(service.oneshot(Request::new(body)));

    let trailers = HeaderMap::from_iter([(http::header::ETAG, "hush".parse().unwrap())]);
    let sent = [
        Frame::data(Bytes::from("a ")),
        Frame::data(Bytes::from("piece")),
        Frame::trailers(trailers.clone()),
    ];
    for frame in sent {
        let expected = (frame.data_ref().cloned(), frame.trailers_ref().cloned());
        client.send(Ok(frame)).unwrap();
        assert!(poll_immediate(&mut response).await.is_none());
        let seen = reading.try_recv().unwrap().unwrap();
        assert_eq!(
            (seen.data_ref().cloned(), seen.trailers_ref().cloned()),
            expected
        );
    }
    client.send(Err(io::Error::other("cut"))).unwrap();
    assert!(poll_immediate(&mut response).await.is_none());
    assert_eq!(reading.try_recv().unwrap().unwrap_err().to_string(), "cut");
    drop(client);
    response.await.unwrap();

    assert_eq!(root(&langfuse).input.as_deref(), Some("a piece"));
    assert!(!langfuse.contains("hush"));
}

#[tokio::test]
async fn one_of_any_type_is_previewed_by_a_wrapper() {
    let langfuse = Langfuse::start().await.unwrap();
    let body = StreamBody::new(stream::iter(
        ["any ", "type"].map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from(text)))),
    ));
    let service = ServiceBuilder::new()
        .layer(TraceLayer::with_sdk(server(&langfuse, &[])))
        .map_request(|request: Request<_>| request.map(RequestBody::new))
        .service(reads());
    let response = service.oneshot(Request::new(body)).await.unwrap();
    response.into_body().collect().await.unwrap();

    assert_eq!(root(&langfuse).input.as_deref(), Some("any type"));
}

#[tokio::test]
async fn outside_of_a_request_the_wrapper_is_just_the_body() {
    let body = RequestBody::new(Full::new(Bytes::from("a body")));
    assert_eq!(http_body::Body::size_hint(&body).exact(), Some(6));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "a body");
}

#[tokio::test]
async fn one_in_a_single_piece_is_looked_at() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[]);
    previewed(&sdk, Full::new(Bytes::from("a full body"))).await;
    previewed(&sdk, "a string".to_owned()).await;
    let inputs: Vec<_> = langfuse
        .observations()
        .into_iter()
        .map(|root| root.input.unwrap())
        .collect();
    assert_eq!(inputs, ["a full body", "a string"]);
}

#[tokio::test]
async fn what_nobody_reads_is_not_recorded() {
    let langfuse = Langfuse::start().await.unwrap();
    let handler = service_fn(|request: Request<Body>| async move {
        let mut body = request.into_body();
        body.frame().await.unwrap().unwrap();
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let service = TraceLayer::with_sdk(server(&langfuse, &[])).layer(handler);
    let pieces = ["read", "unread"].map(Ok::<_, Infallible>);
    let body = Body::from_stream(stream::iter(pieces));
    service.oneshot(Request::new(body)).await.unwrap();

    assert_eq!(root(&langfuse).input.as_deref(), Some("read"));
    assert!(!langfuse.contains("unread"));
}

#[tokio::test]
async fn what_the_handler_says_itself_counts_more() {
    let langfuse = Langfuse::start().await.unwrap();
    let handler = service_fn(|request: Request<Body>| async move {
        request.into_body().collect().await.unwrap();
        let root = Observation::current().unwrap();
        root.input("my question").output("my answer");
        Ok::<_, Infallible>(Response::new(Body::from("the response")))
    });
    let service = TraceLayer::with_sdk(server(&langfuse, &[])).layer(handler);
    let request = Request::new(Body::from("the request"));
    let response = service.oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();

    let root = root(&langfuse);
    assert_eq!(root.input.as_deref(), Some("my question"));
    assert_eq!(root.output.as_deref(), Some("my answer"));
}

#[tokio::test]
async fn a_long_one_is_cut_and_counted() {
    let langfuse = Langfuse::start().await.unwrap();
    let pieces = stream::iter(0..10_000).map(|_| Ok::<_, Infallible>("0123456789"));
    previewed(&server(&langfuse, &[]), Body::from_stream(pieces)).await;

    let root = root(&langfuse);
    let kept = "0123456789".repeat(50);
    assert_eq!(root.input, Some(format!("{kept}…[+99500 chars]")));
    assert_eq!(root.int("warmspan.input.chars"), Some(100_000));
}

#[tokio::test]
async fn the_settings_of_privacy_hold() {
    let langfuse = Langfuse::start().await.unwrap();
    let text = "I am alice@example.org, the key is sk-proj-0123456789abcdef";
    previewed(&server(&langfuse, &[]), Body::from(text)).await;
    let input = root(&langfuse).input.unwrap();
    assert!(
        !input.contains("alice@") && !input.contains("sk-proj"),
        "{input}"
    );

    let masked = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(masked.config().mask(|field, _| format!("<{field}>")));
    previewed(&sdk, Body::from(text)).await;
    assert_eq!(root(&masked).input.as_deref(), Some("<input>"));

    let off = Langfuse::start().await.unwrap();
    previewed(
        &server(&off, &[("WARMSPAN_CONTENT", "off")]),
        Body::from(text),
    )
    .await;
    assert_eq!(root(&off).input, None);
}

#[tokio::test]
async fn a_binary_one_is_its_size() {
    let langfuse = Langfuse::start().await.unwrap();
    let body = Body::from(vec![0x1f, 0x8b, 0x08, 0x00]);
    previewed(&server(&langfuse, &[]), body).await;
    assert_eq!(root(&langfuse).input.as_deref(), Some("<4 bytes>"));
}

#[tokio::test]
async fn what_was_read_before_the_response_ended_is_there_though_the_rest_comes_later() {
    let langfuse = Langfuse::start().await.unwrap();
    let (unread, mut kept) = mpsc::unbounded_channel();
    let handler = service_fn(move |request: Request<Body>| {
        let unread = unread.clone();
        async move {
            let mut body = request.into_body();
            body.frame().await.unwrap().unwrap();
            unread.send(body).unwrap();
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let service = TraceLayer::with_sdk(server(&langfuse, &[])).layer(handler);
    let pieces = ["first", "second"].map(Ok::<_, Infallible>);
    let request = Request::new(Body::from_stream(stream::iter(pieces)));
    service.oneshot(request).await.unwrap();

    assert_eq!(root(&langfuse).input.as_deref(), Some("first"));
    let rest = kept.recv().await.unwrap().collect().await.unwrap();
    assert_eq!(rest.to_bytes(), "second");
}

/// Reads the whole request and answers nothing.
fn reads<B>()
-> impl Service<Request<B>, Response = Response<Empty<Bytes>>, Error = Infallible, Future: Send> + Clone
where
    B: http_body::Body<Data: Send, Error: std::fmt::Debug> + Send + 'static,
{
    service_fn(|request: Request<B>| async {
        request.into_body().collect().await.unwrap();
        Ok(Response::new(Empty::new()))
    })
}

async fn previewed<B>(sdk: &Sdk, body: B)
where
    B: http_body::Body<Data: Send, Error: std::fmt::Debug> + Send + 'static,
{
    let service = TraceLayer::with_sdk(sdk.clone()).layer(reads());
    service.oneshot(Request::new(body)).await.unwrap();
}
