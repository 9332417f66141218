//! Model calls whose responses are still being read when their request is over.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};
use serde_json::json;
use tokio::sync::Notify;
use tower::{Layer as _, ServiceExt as _, service_fn};
use warmspan::{Observation, http::TraceLayer, openai::async_openai::types::chat};

use crate::{
    provider_replay::{Piece, event, stream_head},
    provider_stage::Stage,
};

/// A stream that never ends.
fn endless() -> Vec<Piece> {
    let chunk = json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini",
        "choices": [{ "index": 0, "delta": { "content": "Li" }, "finish_reason": null }],
    });
    let forever = Arc::new(Notify::new());
    vec![stream_head(), event(&chunk), Piece::Wait(forever)]
}

/// Opens a stream, reads its first chunk, and leaves the rest to a task.
async fn leave_open(stage: &Stage) {
    let question = chat::ChatCompletionRequestUserMessageArgs::default()
        .content("Capital of Peru?")
        .build()
        .unwrap();
    let request = chat::CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([question.into()])
        .build()
        .unwrap();
    let mut stream = stage.client().chat().create_stream(request).await.unwrap();
    stream.next().await.unwrap().unwrap();
    tokio::spawn(async move { stream.count().await });
}

#[tokio::test]
async fn the_end_of_a_request_closes_its_own_streams_and_no_others() {
    let stage = Arc::new(Stage::new(vec![endless()]).await);
    let other = stage.sdk.span("another request");
    let others_trace = other.trace_id();
    {
        use warmspan::ObserveFuture as _;
        let observation: Observation = other.clone();
        leave_open(&stage).observed(observation).await;
    }

    let inside = Arc::clone(&stage);
    let handler = service_fn(move |_: Request<Empty<Bytes>>| {
        let stage = Arc::clone(&inside);
        async move {
            leave_open(&stage).await;
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("done"))))
        }
    });
    let traced = TraceLayer::with_sdk(stage.sdk.clone()).layer(handler);
    let request = Request::new(Empty::<Bytes>::new());
    let response = traced.oneshot(request).await.unwrap();
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "done"
    );

    let traces = stage.langfuse.traces();
    let own = "[generation] WARNING \"flushed while the stream was still open\"";
    assert!(traces.iter().any(|trace| trace.outline().contains(own)));
    let others = |trace: &&warmspan::testkit::tree::Trace| {
        trace.outline().contains("another request") && trace.outline().contains("[generation]")
    };
    assert!(!traces.iter().any(|trace| others(&trace)), "{others_trace}");

    // A flush of everything closes it, too.
    let _ = stage
        .sdk
        .force_flush(std::time::Duration::from_millis(300))
        .await;
    assert!(stage.langfuse.traces().iter().any(|trace| others(&trace)));
}
