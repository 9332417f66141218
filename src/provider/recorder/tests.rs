//! What the engine makes of whole responses, whatever the API.

use serde_json::json;

use super::*;

/// The call that a response with this status, type and body makes.
fn read(path: &str, status: u16, content_type: &str, body: &[u8], ended: Ended) -> Call {
    let endpoint = Endpoint::recognise("POST", "api.openai.com", path).unwrap();
    let mut recorder = Recorder::new(endpoint, Content::Preview);
    let header = |name: &str| (name == "content-type").then_some(content_type);
    recorder.head(status, &header);
    recorder.chunk(body, SystemTime::UNIX_EPOCH);
    recorder.finish(ended, 1)
}

fn read_json(path: &str, body: &serde_json::Value) -> Call {
    let body = body.to_string();
    read(path, 200, "application/json", body.as_bytes(), Ended::Eof)
}

#[test]
fn tokens_written_to_a_cache_are_input() {
    let call = read_json(
        "/v1/messages",
        &json!({
            "type": "message", "content": [], "stop_reason": "end_turn",
            "usage": { "input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 5,
                "cache_creation_input_tokens": 9_000,
                "cache_creation": { "ephemeral_5m_input_tokens": 8_000,
                    "ephemeral_1h_input_tokens": 1_000 } },
        }),
    );
    assert_eq!(call.input_tokens(), Some(9_015));
    assert_eq!(call.output_tokens(), Some(1));
}
