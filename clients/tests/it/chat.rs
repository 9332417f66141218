//! A chat of OpenAI's, for the clients that speak several providers' protocols.

use serde_json::{Value, json};

use crate::provider_replay::{Piece, event, json as answer, stream_head};

fn usage() -> Value {
    json!({
        "prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18,
        "prompt_tokens_details": { "cached_tokens": 5 },
        "completion_tokens_details": { "reasoning_tokens": 4 },
    })
}

pub(crate) fn whole() -> Vec<Piece> {
    let response = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
        "choices": [{
            "index": 0, "message": { "role": "assistant", "content": "Lima" },
            "finish_reason": "stop",
        }],
        "usage": usage(),
    });
    answer(200, &response)
}

pub(crate) fn streamed() -> Vec<Piece> {
    let chunk = |delta: Value, reason: Option<&str>, usage: Value| {
        event(&json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
            "model": "gpt-5-mini", "usage": usage,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }],
        }))
    };
    vec![
        stream_head(),
        chunk(json!({ "role": "assistant", "content": "Li" }), None, Value::Null),
        chunk(json!({ "content": "ma" }), None, Value::Null),
        chunk(json!({}), Some("stop"), usage()),
        event(&"[DONE]"),
    ]
}

/// Tokens in buckets of which no two overlap.
pub(crate) const BUCKETS: [(&str, u64); 4] = [
    ("input", 7),
    ("input_cached_tokens", 5),
    ("output", 2),
    ("output_reasoning_tokens", 4),
];
