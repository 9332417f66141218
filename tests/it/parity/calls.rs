//! The calls of models of the scenarios, through an instrumented client.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use warmspan::{
    CallAttributes, Content, ObserveFuture as _, Sdk, TraceAttributes,
    openai::async_openai::{
        Client,
        config::OpenAIConfig,
        types::{
            chat::CreateChatCompletionRequest, embeddings::CreateEmbeddingRequest,
            responses::CreateResponse,
        },
    },
    testkit::langfuse::{Langfuse, Observation},
};

use super::scenario;
use crate::provider_replay::{Piece, Replay, event, json as answer, stream_head};

/// What each call is called in the comparison, in their order.
pub(super) const NAMES: &[&str] = &[
    "call: chat",
    "call: chat, tools",
    "call: chat, streamed",
    "call: chat, tools, streamed",
    "call: response",
    "call: response, streamed",
    "call: embedding",
    "call: failed chat",
];

/// What Langfuse got of the calls.
pub(super) async fn observed(is_python: bool) -> Vec<Observation> {
    let langfuse = Langfuse::start().await.unwrap();
    let config = langfuse.config().environment("staging").release("r1");
    let sdk = Sdk::new(config.content(Content::Full));
    let provider = Replay::start(answers()).await;
    let client = warmspan::openai::client_with(
        OpenAIConfig::new()
            .with_api_base(provider.base_url())
            .with_api_key("x"),
    );
    let calls = async {
        if is_python {
            let named = CallAttributes::new().name("chat1").metadata("m", &1);
            named.scope(first(&client)).await;
            others(&client).await;
        } else {
            let all = async {
                first(&client).await;
                others(&client).await;
            };
            let said = TraceAttributes::new().user_id("ou").session_id("os");
            let said = said.tags(["ot"]).trace_name("otn");
            let all = all.with_trace_attributes(said);
            CallAttributes::new().metadata("gm", &1).scope(all).await;
        }
    };
    calls.observed(sdk.span("calls")).await;
    // The client reads streams on a task of its own.
    while langfuse.observations().len() <= NAMES.len() {
        assert!(sdk.force_flush(scenario::BUDGET).await.is_complete());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut calls = langfuse.observations();
    calls.retain(|observation| observation.name != "calls");
    for call in &mut calls {
        call.parent_span_id = None;
    }
    calls
}

async fn first(client: &Client<OpenAIConfig>) {
    let request = chat(&json!({"temperature": 0.2, "max_tokens": 5}));
    client.chat().create(request).await.unwrap();
}

async fn others(client: &Client<OpenAIConfig>) {
    let chats = client.chat();
    chats
        .create(chat(&json!({"tools": [tool()]})))
        .await
        .unwrap();
    for said in [
        json!({"stream": true, "stream_options": {"include_usage": true}}),
        json!({"stream": true, "tools": [tool()]}),
    ] {
        let stream = chats.create_stream(chat(&said)).await.unwrap();
        stream
            .for_each(|chunk| async { drop(chunk.unwrap()) })
            .await;
    }
    let said = json!({"model": "gpt-4o", "input": "hi", "instructions": "be nice", "max_output_tokens": 200});
    let request: CreateResponse = serde_json::from_value(said).unwrap();
    client.responses().create(request).await.unwrap();
    let said = json!({"model": "gpt-4o", "input": "hi", "stream": true});
    let request: CreateResponse = serde_json::from_value(said).unwrap();
    let stream = client.responses().create_stream(request).await.unwrap();
    stream
        .for_each(|event| async { drop(event.unwrap()) })
        .await;
    let said = json!({"model": "text-embedding-3-small", "input": "hi"});
    let request: CreateEmbeddingRequest = serde_json::from_value(said).unwrap();
    client.embeddings().create(request).await.unwrap();
    chats
        .create(chat(&json!({"model": "err"})))
        .await
        .unwrap_err();
}

fn chat(said: &Value) -> CreateChatCompletionRequest {
    let mut request = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in said.as_object().unwrap() {
        request[key] = value.clone();
    }
    serde_json::from_value(request).unwrap()
}

fn tool() -> Value {
    let parameters = json!({"type": "object", "properties": {}});
    json!({"type": "function", "function": {"name": "get_weather", "parameters": parameters}})
}

/// What the provider of the captures answered, call by call.
fn answers() -> Vec<Vec<Piece>> {
    let call = json!({
        "id": "call_1", "type": "function",
        "function": {"name": "get_weather", "arguments": "{\"city\":\"Rome\"}"},
    });
    let called =
        json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [call]});
    let said =
        json!({"role": "assistant", "content": "Hello!", "refusal": null, "annotations": []});
    let mut begun = call.clone();
    begun["index"] = json!(0);
    begun["function"]["arguments"] = json!("");
    let more = |text: &str| json!({"tool_calls": [{"index": 0, "function": {"arguments": text}}]});
    let words = [
        chunk(&json!({"role": "assistant", "content": ""}), None),
        chunk(&json!({"content": "Hel"}), None),
        chunk(&json!({"content": "lo!"}), None),
        chunk(&json!({}), Some("stop")),
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
               "service_tier": "default", "choices": [], "usage": chat_usage()}),
    ];
    let calls = [
        chunk(
            &json!({"role": "assistant", "content": null, "tool_calls": [begun]}),
            None,
        ),
        chunk(&more("{\"city\":"), None),
        chunk(&more("\"Rome\"}"), None),
        chunk(&json!({}), Some("tool_calls")),
    ];
    let mut in_progress = response();
    in_progress["status"] = json!("in_progress");
    in_progress["output"] = json!([]);
    in_progress["usage"] = Value::Null;
    let events = [
        json!({"type": "response.created", "sequence_number": 0, "response": in_progress}),
        json!({"type": "response.output_text.delta", "sequence_number": 1, "item_id": "msg_1",
               "output_index": 0, "content_index": 0, "delta": "Hi there", "logprobs": []}),
        json!({"type": "response.completed", "sequence_number": 2, "response": response()}),
    ];
    let embedding = json!({"object": "embedding", "index": 0, "embedding": [0.1, 0.2, 0.3]});
    let error = json!({"message": "bad model", "type": "invalid_request_error", "param": "model",
                       "code": "model_not_found"});
    vec![
        answer(200, &completion(&said, "stop")),
        answer(200, &completion(&called, "tool_calls")),
        stream(&words, true),
        stream(&calls, true),
        answer(200, &response()),
        stream(&events, false),
        answer(
            200,
            &json!({"object": "list", "data": [embedding], "model": "text-embedding-3-small",
                            "usage": {"prompt_tokens": 5, "total_tokens": 5}}),
        ),
        answer(400, &json!({"error": error})),
    ]
}

const MODEL: &str = "gpt-4o-2024-08-06";

fn stream(events: &[Value], ends_with_done: bool) -> Vec<Piece> {
    let mut pieces = vec![stream_head()];
    pieces.extend(events.iter().map(event));
    pieces.extend(ends_with_done.then(|| event(&"[DONE]")));
    pieces
}

fn chunk(delta: &Value, finish: Option<&str>) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
           "service_tier": "default",
           "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn completion(message: &Value, finish: &str) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL,
           "service_tier": "default", "system_fingerprint": "fp_1", "usage": chat_usage(),
           "choices": [{"index": 0, "finish_reason": finish, "logprobs": null, "message": message}]})
}

fn chat_usage() -> Value {
    json!({"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30,
           "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
           "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0,
                                         "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}})
}

fn response() -> Value {
    let text = json!({"type": "output_text", "text": "Hi there", "annotations": []});
    json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": MODEL,
           "output": [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                       "content": [text]}],
           "max_output_tokens": 200, "temperature": 0.5, "top_p": 1.0, "parallel_tool_calls": true,
           "service_tier": "default", "store": true, "tool_choice": "auto", "tools": [],
           "truncation": "disabled", "reasoning": {"effort": null, "summary": null}, "metadata": {},
           "usage": {"input_tokens": 36, "input_tokens_details": {"cached_tokens": 6},
                     "output_tokens": 87, "output_tokens_details": {"reasoning_tokens": 17},
                     "total_tokens": 123}})
}
