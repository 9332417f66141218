//! Calls of async-anthropic.

use async_anthropic::{
    Client,
    types::{CreateMessagesRequest, CreateMessagesRequestBuilder, MessageBuilder, MessageRole},
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::{
    provider_replay::{Piece, json as answer, stream_head},
    stage::{Stage, generation},
};

fn client(stage: &Stage) -> Client {
    Client::builder()
        .base_url(stage.url())
        .api_key("test")
        .build()
        .unwrap()
}

fn question() -> CreateMessagesRequest {
    let message = MessageBuilder::default()
        .role(MessageRole::User)
        .content("Capital of Peru?")
        .build()
        .unwrap();
    CreateMessagesRequestBuilder::default()
        .model("claude-sonnet-4-5")
        .messages(vec![message])
        .max_tokens(64)
        .build()
        .unwrap()
}

fn event(data: &Value) -> Piece {
    let name = data["type"].as_str().unwrap();
    Piece::Bytes(format!("event: {name}\ndata: {data}\n\n").into_bytes())
}

#[tokio::test]
async fn a_call_is_a_generation() {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [{ "type": "text", "text": "Lima" }], "stop_reason": "end_turn",
        "stop_sequence": null, "usage": { "input_tokens": 12, "output_tokens": 2 },
    });
    let stage = Stage::new(vec![answer(200, &message)]).await;
    let client = client(&stage);
    let (response, trace) = stage
        .observe(async { warmspan_clients::anthropic(&client, question()).await })
        .await;

    assert_eq!(response.unwrap().id.as_deref(), Some("msg_1"));
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat claude-sonnet-4-5 [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.input.as_deref(), Some("Capital of Peru?"));
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(generation.usage["total"], 14);
}

#[tokio::test]
async fn a_stream_is_whole_at_its_end() {
    let text = |piece: &str| {
        json!({
            "type": "content_block_delta", "index": 0,
            "delta": { "type": "text_delta", "text": piece },
        })
    };
    let events = [
        json!({ "type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
            "content": [], "usage": { "input_tokens": 12, "output_tokens": 1 },
        } }),
        json!({ "type": "content_block_start", "index": 0,
            "content_block": { "type": "text", "text": "" } }),
        text("Li"),
        text("ma"),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" },
            "usage": { "input_tokens": 12, "output_tokens": 2 } }),
        json!({ "type": "message_stop" }),
    ];
    let pieces = std::iter::once(stream_head()).chain(events.iter().map(event));
    let stage = Stage::new(vec![pieces.collect()]).await;
    let client = client(&stage);
    let (count, trace) = stage
        .observe(async {
            let stream = warmspan_clients::anthropic_stream(&client, question()).await;
            // The client tries to connect again where the stream ends.
            stream.take(7).count().await
        })
        .await;

    assert_eq!(count, 7);
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat claude-sonnet-4-5 [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(generation.usage["total"], 14);
}
