//! Calls of a client with reqwest-middleware, as Langfuse sees them.

use std::sync::Arc;

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use serde_json::{Value, json};
use tokio::sync::Notify;
use warmspan::ModelCall;

use crate::{
    provider_replay::{Piece, event, json as answer, stream_head},
    provider_stage::{Stage, generation, reqwest_client},
};

fn client() -> ClientWithMiddleware {
    ClientBuilder::new(reqwest_client())
        .with(warmspan::reqwest_middleware())
        .build()
}

/// Sends a request for a message of Anthropic's.
async fn ask(
    client: &ClientWithMiddleware,
    stage: &Stage,
) -> Result<Response, reqwest_middleware::Error> {
    let body = json!({
        "model": "claude-haiku", "max_tokens": 9, "messages": [{ "role": "user", "content": "Capital of Peru?" }],
    });
    let url = format!("{}/messages", stage.provider.base_url());
    client.post(url).body(body.to_string()).send().await
}

fn message() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-1",
        "content": [{ "type": "text", "text": "Lima" }], "stop_reason": "end_turn",
        "usage": { "input_tokens": 12, "output_tokens": 2 },
    })
}

#[tokio::test]
async fn a_call_is_a_generation_and_its_response_is_handed_on_as_it_came() {
    let stage = Stage::new(vec![answer(200, &message())]).await;
    let client = client();
    let work = async {
        let response = ask(&client, &stage).await.unwrap();
        (
            response.url().clone(),
            response.headers()["x-kept"].clone(),
            response.text().await.unwrap(),
        )
    };
    let ((url, kept, body), trace) = stage.observe(work).await;

    assert_eq!(url.path(), "/v1/messages");
    assert_eq!(
        (kept, body),
        ("yes".parse().unwrap(), message().to_string())
    );
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat claude-haiku [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.model.as_deref(), Some("claude-haiku-1"));
    assert_eq!(generation.input.as_deref(), Some("Capital of Peru?"));
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(
        generation.text("langfuse.observation.usage_details"),
        Some(r#"{"input":12,"output":2,"total":14}"#)
    );
    assert_eq!(generation.text("gen_ai.provider.name"), Some("anthropic"));
}

#[tokio::test]
async fn a_stream_passes_frame_by_frame_and_is_whole_at_the_protocols_end() {
    let gate = Arc::new(Notify::new());
    let pieces = vec![
        stream_head(),
        event(&json!({ "type": "message_start", "message": message() })),
        event(
            &json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "!" } }),
        ),
        Piece::Wait(Arc::clone(&gate)),
        event(&json!({ "type": "message_delta", "delta": {}, "usage": { "output_tokens": 3 } })),
        event(&json!({ "type": "message_stop" })),
        Piece::Wait(Arc::new(Notify::new())),
    ];
    let stage = Stage::new(vec![pieces]).await;
    let client = client();
    let work = async {
        let mut response = ask(&client, &stage).await.unwrap();
        let mut text = String::new();
        while !text.contains("message_stop") {
            let chunk = response.chunk().await.unwrap().unwrap();
            text.push_str(std::str::from_utf8(&chunk).unwrap());
            if text.contains("content_block_delta") {
                gate.notify_one();
            }
        }
    };
    let ((), trace) = stage.observe(work).await;

    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat claude-haiku [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.output.as_deref(), Some("Lima!"));
    assert_eq!(generation.usage["output"], 3);
    assert!(generation.time_to_first_token().is_some());
}

/// Tries again, once.
struct Again;

#[async_trait::async_trait]
impl Middleware for Again {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let first = next.clone().run(request.try_clone().unwrap(), extensions);
        drop(first.await);
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn attempts_of_another_middleware_are_one_generation() {
    let stage = Stage::new(vec![answer(503, &json!({})), answer(200, &message())]).await;
    let client = ClientBuilder::new(reqwest_client())
        .with(warmspan::reqwest_middleware())
        .with(Again)
        .with(warmspan::reqwest_middleware())
        .build();
    let work = async { ask(&client, &stage).await.unwrap().text().await };
    let (_, trace) = stage.observe(work).await;

    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat claude-haiku [generation]\n"
    );
    let attempts = generation(&trace).text("langfuse.observation.metadata.attempts");
    assert_eq!(attempts, Some("2"));
}

#[tokio::test]
async fn an_error_of_the_provider_keeps_its_type_and_message() {
    let envelope = json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } });
    let stage = Stage::new(vec![answer(529, &envelope)]).await;
    let client = client();
    let work = async { ask(&client, &stage).await.unwrap().text().await };
    let (_, trace) = stage.observe(work).await;

    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat claude-haiku [generation] ERROR \"Overloaded\"\n"
    );
    assert_eq!(
        generation(&trace).text("error.type"),
        Some("overloaded_error")
    );
}

#[tokio::test]
async fn a_call_that_is_observed_already_is_not_observed_again() {
    let stage = Stage::new(vec![answer(200, &message())]).await;
    let client = client();
    let request = json!({ "model": "claude-haiku", "messages": [] });
    let send = async {
        let response = ask(&client, &stage).await?;
        let body = response.bytes().await?;
        Ok::<Value, reqwest_middleware::Error>(serde_json::from_slice(&body).unwrap())
    };
    let (_, trace) = stage
        .observe(async { ModelCall::anthropic(&request).run(send).await })
        .await;

    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat claude-haiku [generation]\n"
    );
}

#[tokio::test]
async fn other_requests_pass_untouched() {
    let stage = Stage::new(vec![answer(200, &json!({ "data": [] }))]).await;
    let client = client();
    let url = format!("{}/models", stage.provider.base_url());
    let work = async { client.get(url).send().await.unwrap().text().await.unwrap() };
    let (body, trace) = stage.observe(work).await;

    assert_eq!(body, r#"{"data":[]}"#);
    assert_eq!(trace.outline(), "work [span]\n");
}
