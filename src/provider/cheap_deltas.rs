//! Once the preview is full, a delta costs no parsing and no memory, whatever the API.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    call::{Call, Ended, Recorded},
    decode::{PARSED, message},
    endpoint::{Api, Endpoint},
    recorder::Recorder,
};
use crate::observation::Content;

/// Characters of each delta.
const PIECE: &str = "a \"piece\" of\ntext, añ€😀, {\"usage\":1}";
/// Deltas that fill the preview, and more.
const FILLING: usize = 60;
const FURTHER: usize = 2_000;

/// An API and how it streams: what comes before the deltas, a delta, and what ends it.
struct Stream {
    api: Api,
    before: Vec<Vec<u8>>,
    delta: Vec<u8>,
    after: Vec<Vec<u8>>,
}

fn sse(name: &str, data: &Value) -> Vec<u8> {
    let name = match name {
        "" => String::new(),
        name => format!("event: {name}\n"),
    };
    format!("{name}data: {data}\n\n").into_bytes()
}

fn line(value: &Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

fn wrapped(event: &Value) -> Vec<u8> {
    let bytes = STANDARD.encode(event.to_string());
    aws("chunk", &json!({ "bytes": bytes, "p": "abcd" }))
}

fn aws(name: &str, data: &Value) -> Vec<u8> {
    let headers = [(":event-type", name), (":message-type", "event")];
    message(&headers, &data.to_string())
}

fn chat(usage_in_each: bool) -> Stream {
    let chunk = |delta: Value, reason: Value, usage: Option<u64>| {
        let usage = usage.map(|output| {
            json!({ "prompt_tokens": 5, "completion_tokens": output, "total_tokens": 5 + output })
        });
        sse(
            "",
            &json!({
                "id": "c", "model": "m", "usage": usage,
                "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }],
            }),
        )
    };
    let so_far = usage_in_each.then_some(1);
    Stream {
        api: Api::Chat,
        before: vec![chunk(json!({ "role": "assistant" }), Value::Null, None)],
        delta: chunk(json!({ "content": PIECE }), Value::Null, so_far),
        after: vec![
            chunk(json!({}), "stop".into(), Some(7)),
            b"data: [DONE]\n\n".to_vec(),
        ],
    }
}

fn anthropic_events() -> [(&'static str, Value); 4] {
    [
        (
            "message_start",
            json!({ "type": "message_start", "message": {
                "id": "c", "model": "m", "usage": { "input_tokens": 5, "output_tokens": 1 },
            } }),
        ),
        (
            "content_block_delta",
            json!({
                "type": "content_block_delta", "index": 0,
                "delta": { "type": "text_delta", "text": PIECE },
            }),
        ),
        (
            "message_delta",
            json!({
                "type": "message_delta", "delta": { "stop_reason": "stop" },
                "usage": { "output_tokens": 7 },
            }),
        ),
        ("message_stop", json!({ "type": "message_stop" })),
    ]
}

fn streams() -> Vec<(&'static str, Stream)> {
    let anthropic = anthropic_events();
    let sent = |at: usize| sse(anthropic[at].0, &anthropic[at].1);
    let gemini = |reason: Option<&str>, output: u64| {
        line(&json!({
            "candidates": [{
                "content": { "role": "model", "parts": [{ "text": PIECE }] },
                "finishReason": reason, "index": 0,
            }],
            "usageMetadata": {
                "promptTokenCount": 5, "candidatesTokenCount": output, "totalTokenCount": 5 + output,
            },
            "modelVersion": "m", "responseId": "c",
        }))
    };
    let ollama = |key: &str, api: Api| {
        let content = match key {
            "message" => json!({ "role": "assistant", "content": PIECE }),
            _ => PIECE.into(),
        };
        Stream {
            api,
            before: vec![],
            delta: line(&json!({ "model": "m", "done": false, key: content })),
            after: vec![line(&json!({
                "model": "m", "done": true, "done_reason": "stop",
                "prompt_eval_count": 5, "eval_count": 7,
            }))],
        }
    };
    let titan = |reason: Value, metrics: Value| {
        wrapped(&json!({
            "outputText": PIECE, "index": 0, "completionReason": reason,
            "totalOutputTextTokenCount": null, "amazon-bedrock-invocationMetrics": metrics,
        }))
    };
    vec![
        ("chat", chat(false)),
        ("chat with usage in each chunk", chat(true)),
        (
            "completions",
            Stream {
                api: Api::Completions,
                before: vec![],
                delta: sse(
                    "",
                    &json!({ "id": "c", "model": "m", "choices": [
                        { "index": 0, "text": PIECE, "finish_reason": null },
                    ] }),
                ),
                after: vec![
                    sse(
                        "",
                        &json!({ "choices": [{ "index": 0, "text": "", "finish_reason": "stop" }],
                            "usage": { "prompt_tokens": 5, "completion_tokens": 7 } }),
                    ),
                    b"data: [DONE]\n\n".to_vec(),
                ],
            },
        ),
        (
            "responses",
            Stream {
                api: Api::Responses,
                before: vec![],
                delta: sse(
                    "response.output_text.delta",
                    &json!({ "type": "response.output_text.delta", "output_index": 0, "delta": PIECE }),
                ),
                after: vec![sse(
                    "response.completed",
                    &json!({ "type": "response.completed", "response": {
                        "id": "c", "model": "m", "status": "completed",
                        "usage": { "input_tokens": 5, "output_tokens": 7, "total_tokens": 12 },
                        "output": [{ "type": "message", "content": [
                            { "type": "output_text", "text": PIECE.repeat(FILLING + FURTHER) },
                        ] }],
                    } }),
                )],
            },
        ),
        (
            "messages",
            Stream {
                api: Api::AnthropicMessages,
                before: vec![sent(0)],
                delta: sent(1),
                after: vec![sent(2), sent(3)],
            },
        ),
        (
            "Gemini",
            Stream {
                api: Api::GeminiGenerate,
                before: vec![],
                delta: gemini(None, 1),
                after: vec![gemini(Some("STOP"), 7)],
            },
        ),
        (
            "interactions",
            Stream {
                api: Api::GeminiInteractions,
                before: vec![],
                delta: sse(
                    "step.delta",
                    &json!({
                        "event_type": "step.delta", "index": 0,
                        "delta": { "type": "text", "text": PIECE },
                    }),
                ),
                after: vec![
                    sse(
                        "interaction.completed",
                        &json!({ "event_type": "interaction.completed", "interaction": {
                            "id": "c", "model": "m", "status": "completed", "usage": {
                                "total_input_tokens": 5, "total_output_tokens": 7, "total_tokens": 12,
                            },
                        } }),
                    ),
                    b"data: [DONE]\n\n".to_vec(),
                ],
            },
        ),
        ("Ollama chat", ollama("message", Api::OllamaChat)),
        ("Ollama generate", ollama("response", Api::OllamaGenerate)),
        (
            "converse",
            Stream {
                api: Api::BedrockConverse,
                before: vec![aws("messageStart", &json!({ "role": "assistant" }))],
                delta: aws(
                    "contentBlockDelta",
                    &json!({ "contentBlockIndex": 0, "delta": { "text": PIECE } }),
                ),
                after: vec![
                    aws("messageStop", &json!({ "stopReason": "stop" })),
                    aws(
                        "metadata",
                        &json!({ "usage": { "inputTokens": 5, "outputTokens": 7, "totalTokens": 12 } }),
                    ),
                ],
            },
        ),
        (
            "Claude inside of invoke",
            Stream {
                api: Api::BedrockInvoke,
                before: vec![wrapped(&anthropic[0].1)],
                delta: wrapped(&anthropic[1].1),
                after: vec![wrapped(&anthropic[2].1), wrapped(&anthropic[3].1)],
            },
        ),
        (
            "Titan inside of invoke",
            Stream {
                api: Api::BedrockInvoke,
                before: vec![],
                delta: titan(Value::Null, Value::Null),
                after: vec![titan(
                    "stop".into(),
                    json!({ "inputTokenCount": 5, "outputTokenCount": 7 }),
                )],
            },
        ),
    ]
}

/// Reads a stream, and tells how many events were parsed after the preview was full, and how many
/// bytes were held before and after the further deltas.
fn read(stream: &Stream, content: Content) -> (Call, usize, [usize; 2]) {
    let endpoint = Endpoint::of(stream.api, None);
    let mut recorder = Recorder::new(endpoint, content);
    let kind = match stream.delta.first() {
        Some(0) => "application/vnd.amazon.eventstream",
        Some(b'{') => "application/x-ndjson",
        _ => "text/event-stream",
    };
    recorder.head(200, &|name| (name == "content-type").then_some(kind));
    let push = |recorder: &mut Recorder, bytes: &[u8]| {
        recorder.chunk(bytes, SystemTime::UNIX_EPOCH);
    };
    for bytes in &stream.before {
        push(&mut recorder, bytes);
    }
    for _ in 0..FILLING {
        push(&mut recorder, &stream.delta);
    }
    let (parsed, held) = (PARSED.get(), recorder.held());
    for _ in 0..FURTHER {
        push(&mut recorder, &stream.delta);
    }
    let (parsed, held) = (PARSED.get() - parsed, [held, recorder.held()]);
    for bytes in &stream.after {
        push(&mut recorder, bytes);
    }
    (recorder.finish(Ended::Eof, 1), parsed, held)
}

#[test]
fn a_delta_that_is_not_kept_is_not_parsed_and_loses_nothing() {
    for (name, stream) in streams() {
        let (call, parsed, _) = read(&stream, Content::Preview);
        assert_eq!(parsed, 0, "{name}");
        assert_eq!(call.ended, Ended::Protocol, "{name}");
        assert_eq!(
            (call.input_tokens(), call.output_tokens()),
            (Some(5), Some(7)),
            "{name}"
        );
        assert_eq!(call.finish_reasons, ["stop"], "{name}");
        assert!(call.first_content.is_some(), "{name}");

        let (whole, _, _) = read(&stream, Content::Full);
        let chars = |call: &Call| call.output.as_ref().map(Recorded::total);
        assert_eq!(chars(&call), chars(&whole), "{name}");
        assert!(
            chars(&call) >= Some(PIECE.chars().count() * (FILLING + FURTHER)),
            "{name}"
        );
    }
}

#[test]
fn without_content_the_first_delta_still_tells_its_time_and_the_others_cost_nothing() {
    for (name, stream) in streams() {
        let (call, parsed, _) = read(&stream, Content::Off);
        assert_eq!(parsed, 0, "{name}");
        assert!(
            call.first_content.is_some() && call.output.is_none(),
            "{name}"
        );
    }
}

#[test]
fn an_open_stream_holds_a_few_kilobytes_however_long_it_is() {
    for (name, stream) in streams() {
        let (_, _, [early, late]) = read(&stream, Content::Preview);
        assert_eq!(early, late, "{name}");
        assert!(late < 4 * 1024, "{name}: {late} bytes");
    }
}

#[test]
fn counts_of_a_delta_that_was_put_off_are_read_when_the_caller_stops_there() {
    for (name, stream) in streams() {
        if !matches!(name, "chat with usage in each chunk" | "Gemini") {
            continue;
        }
        let cut = Stream {
            after: vec![],
            ..stream
        };
        let (call, parsed, _) = read(&cut, Content::Preview);
        assert_eq!((parsed, call.output_tokens()), (0, Some(1)), "{name}");
    }
}
