//! A streamed response keeps the root open until it has ended, and is not over before the flush is.

use std::{convert::Infallible, io};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use lambda_runtime::{Error, FunctionResponse, LambdaEvent, StreamResponse, service_fn};
use serde_json::Value;
use warmspan::{
    Observation, ObserveFuture as _,
    lambda::{Traced, TracedError, TracedStream},
};

use crate::lambda_stage::{Stage, invoke};

#[tokio::test]
async fn its_chunks_pass_unchanged_and_the_trace_arrives_before_its_end() {
    let stage = Stage::set().await;
    let handler = service_fn(|_: LambdaEvent<Value>| async {
        Ok::<_, Error>(response(stream::iter(
            ["a ", "streamed ", "answer"].map(ok),
        )))
    });
    let mut service = Traced::new(handler, stage.sdk());
    let mut stream = streamed(invoke(&mut service, "{}").await);

    for chunk in ["a ", "streamed ", "answer"] {
        assert_eq!(stream.next().await.unwrap().unwrap(), chunk);
        assert!(
            stage.langfuse.requests().is_empty(),
            "flushed in the middle"
        );
    }
    assert!(stream.next().await.is_none());
    assert_eq!(stage.root().output.as_deref(), Some("a streamed answer"));
}

#[tokio::test]
async fn what_it_does_as_it_flows_is_below_the_root() {
    let stage = Stage::set().await;
    let sdk = stage.sdk();
    let inside = sdk.clone();
    let handler = service_fn(move |_: LambdaEvent<Value>| {
        let sdk = inside.clone();
        async move {
            let chunks = stream::iter(["one", "two"]).then(move |name| {
                let sdk = sdk.clone();
                async move {
                    async {}.observed(sdk.span(name)).await;
                    ok(name)
                }
            });
            Ok::<_, Error>(response(Box::pin(chunks)))
        }
    });
    let mut service = Traced::new(handler, sdk);
    drain(streamed(invoke(&mut service, "{}").await)).await;

    assert_eq!(
        stage.outlines(&[]),
        ["chat [span]\n├─ one [span]\n└─ two [span]\n"]
    );
    assert!(Observation::current().is_none());
}

#[tokio::test]
async fn its_prelude_passes_unchanged_and_only_its_status_is_recorded() {
    let stage = Stage::set().await;
    let handler = service_fn(|_: LambdaEvent<Value>| async {
        let mut response = response(stream::iter([ok("later")]));
        response.metadata_prelude.status_code = http::StatusCode::SERVICE_UNAVAILABLE;
        response
            .metadata_prelude
            .headers
            .insert("x-api-key", "hush".parse()?);
        response
            .metadata_prelude
            .cookies
            .push("session=hush".to_owned());
        Ok::<_, Error>(response)
    });
    let mut service = Traced::new(handler, stage.sdk());
    let FunctionResponse::StreamingResponse(response) =
        invoke(&mut service, r#"{"requestContext":{},"headers":{}}"#)
            .await
            .unwrap()
    else {
        panic!("not streamed")
    };
    assert_eq!(response.metadata_prelude.headers["x-api-key"], "hush");
    assert_eq!(response.metadata_prelude.cookies, ["session=hush"]);
    drain(response.stream).await;

    assert_eq!(
        stage.outlines(&["http.response.status_code"]),
        ["chat [span] ERROR \"HTTP 503\" http.response.status_code=503\n"]
    );
    assert!(!stage.langfuse.contains("hush"));
}

#[tokio::test]
async fn a_chunk_that_fails_passes_and_is_an_error() {
    let stage = Stage::set().await;
    let handler = service_fn(|_: LambdaEvent<Value>| async {
        let chunks = [Ok(Bytes::from("a ")), Err(io::Error::other("cut"))];
        Ok::<_, Error>(response(stream::iter(chunks)))
    });
    let mut service = Traced::new(handler, stage.sdk());
    let mut stream = streamed(invoke(&mut service, "{}").await);

    assert_eq!(stream.next().await.unwrap().unwrap(), "a ");
    assert_eq!(stream.next().await.unwrap().unwrap_err().to_string(), "cut");
    assert!(stream.next().await.is_none());
    let root = stage.root();
    assert_eq!(root.level, "ERROR");
    assert!(root.status_message.unwrap().contains("cut"));
    assert_eq!(root.output.as_deref(), Some("a "));
}

#[tokio::test]
async fn dropped_after_a_failure_it_stays_an_error() {
    let stage = Stage::set().await;
    let sdk = stage.sdk();
    let handler = service_fn(|_: LambdaEvent<Value>| async {
        let chunks = [Err::<Bytes, _>(io::Error::other("cut"))];
        Ok::<_, Error>(response(stream::iter(chunks)))
    });
    let mut service = Traced::new(handler, sdk.clone());
    let mut stream = streamed(invoke(&mut service, "{}").await);
    assert!(stream.next().await.unwrap().is_err());
    drop(stream);
    let _ = sdk.force_flush(crate::lambda_stage::LONG).await;

    assert_eq!(stage.root().level, "ERROR");
}

#[tokio::test]
async fn dropped_in_the_middle_it_is_a_warning_with_what_had_come() {
    let stage = Stage::set().await;
    let sdk = stage.sdk();
    let handler = service_fn(|_: LambdaEvent<Value>| async {
        Ok::<_, Error>(response(
            stream::iter(["a ", "streamed "].map(ok)).chain(stream::pending()),
        ))
    });
    let mut service = Traced::new(handler, sdk.clone());
    let mut stream = streamed(invoke(&mut service, "{}").await);
    stream.next().await.unwrap().unwrap();
    drop(stream);
    // No layer is around it, so it leaves in the background.
    let spans = stage.langfuse.wait_for_spans(1, crate::lambda_stage::LONG);
    spans.await.unwrap();

    let message = "the response stream was dropped before its end";
    assert_eq!(
        stage.outlines(&[]),
        [format!("chat [span] WARNING \"{message}\"\n")]
    );
    assert_eq!(stage.root().output.as_deref(), Some("a "));
}

#[tokio::test]
async fn it_flushes_before_its_end_whatever_the_setting() {
    let stage = Stage::set().await;
    let handler = service_fn(|_: LambdaEvent<Value>| async {
        Ok::<_, Error>(response(stream::iter([ok("an answer")])))
    });
    let sdk = stage.sdk_with(&[("WARMSPAN_FLUSH", "after-response")]);
    let mut service = Traced::new(handler, sdk);
    drain(streamed(invoke(&mut service, "{}").await)).await;

    assert_eq!(stage.root().output.as_deref(), Some("an answer"));
}

#[tokio::test]
async fn a_key_that_two_chunks_share_is_redacted() {
    let stage = Stage::set().await;
    let handler = service_fn(|_: LambdaEvent<Value>| async {
        let chunks = ["use sk-proj-01234", "56789abcdefgh for it"];
        Ok::<_, Error>(response(stream::iter(chunks.map(ok))))
    });
    let mut service = Traced::new(handler, stage.sdk());
    drain(streamed(invoke(&mut service, "{}").await)).await;

    assert_eq!(
        stage.root().output.as_deref(),
        Some("use [redacted] for it")
    );
}

#[expect(clippy::unnecessary_wraps, reason = "a stream's item")]
fn ok(chunk: &'static str) -> Result<Bytes, Infallible> {
    Ok(chunk.into())
}

fn response<S>(stream: S) -> StreamResponse<S> {
    StreamResponse {
        metadata_prelude: lambda_runtime::MetadataPrelude::default(),
        stream,
    }
}

fn streamed<B, S>(
    response: Result<FunctionResponse<B, TracedStream<S>>, TracedError>,
) -> TracedStream<S> {
    match response.unwrap() {
        FunctionResponse::StreamingResponse(response) => response.stream,
        FunctionResponse::BufferedResponse(_) => panic!("not streamed"),
    }
}

async fn drain(stream: impl Stream) {
    stream.for_each(|_| async {}).await;
}
