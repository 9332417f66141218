//! What must hold whatever the bytes are.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use serde_json::json;

use super::{
    call::{Call, Ended, Recorded},
    decode::message,
    endpoint::Endpoint,
    recorder::Recorder,
};
use crate::observation::Content;

const PATHS: [&str; 15] = [
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/messages",
    "/v1beta/models/m:generateContent",
    "/v1beta/models/m:embedContent",
    "/v1beta/interactions",
    "/api/chat",
    "/api/embed",
    "/model/m/converse",
    "/model/m/invoke",
    "/model/embed/invoke",
    "/v1/audio/transcriptions",
    "/v1/images/generations",
];

fn record(path: &str, content: Content, request: &str, body: &[u8], size: usize) -> Option<Call> {
    let endpoint = Endpoint::recognise("POST", "api.openai.com", path)?;
    let mut recorder = Recorder::new(endpoint, content);
    recorder.request(request.as_bytes());
    recorder.head(200, &|_| None);
    for chunk in body.chunks(size.max(1)) {
        recorder.chunk(chunk, SystemTime::UNIX_EPOCH);
    }
    Some(recorder.finish(Ended::Eof, 1))
}

const MESSAGES: [&str; 4] = ["chunk", "contentBlockDelta", "messageStop", "metadata"];

/// A JSON object of members that some API knows.
fn object_text() -> impl Strategy<Value = String> + Clone {
    let member = prop::sample::select(vec![
        r#""id":"r1""#,
        r#""model":"m""#,
        r#""choices":[{"index":0,"delta":{"content":"añ€ \ud83d\ude00"},"finish_reason":null}]"#,
        r#""choices":[{"index":70,"delta":{"tool_calls":[{"index":9,"function":{"name":"f","arguments":"{"}}]}}]"#,
        r#""choices":[{"message":{"content":[{"type":"text","text":"x"}]},"finish_reason":"stop"}]"#,
        r#""choices":{"0":[null]}"#,
        r#""usage":{"prompt_tokens":-3,"completion_tokens":1e400,"total_tokens":"9"}"#,
        r#""usage":{"prompt_tokens":3,"completion_tokens":4.0,"total_tokens":7}"#,
        r#""usage":{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615,"total_tokens":18446744073709551615,"completion_tokens_details":{"reasoning_tokens":18446744073709551615}}"#,
        r#""usage":{"input_tokens":18446744073709551615,"output_tokens":18446744073709551615,"cache_read_input_tokens":18446744073709551615,"cache_creation":{"ephemeral_1h_input_tokens":18446744073709551615}}"#,
        r#""usage":{"inputTokens":18446744073709551615,"outputTokens":18446744073709551615,"cacheWriteInputTokens":18446744073709551615}"#,
        r#""usageMetadata":{"promptTokenCount":18446744073709551615,"toolUsePromptTokenCount":18446744073709551615,"candidatesTokenCount":18446744073709551615,"thoughtsTokenCount":18446744073709551615}"#,
        r#""predictions":[{"embeddings":{"values":[1],"statistics":{"token_count":18446744073709551615}}},{"embeddings":{"values":[1],"statistics":{"token_count":18446744073709551615}}}]"#,
        r#""prompt_eval_count":18446744073709551615,"eval_count":18446744073709551615,"done":true"#,
        r#""results":[{"tokenCount":18446744073709551615},{"tokenCount":18446744073709551615}],"inputTextTokenCount":18446744073709551615"#,
        r#""error":{"message":"no","type":null}"#,
        r#""type":"response.output_text.delta","delta":"text""#,
        r#""type":"response.completed","response":{"id":"r","status":"completed","output":[{"type":"message","content":[{"text":"t"}]}]}"#,
        r#""type":"message_start","message":{"id":"m","usage":{"input_tokens":1,"output_tokens":null}}"#,
        r#""type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"añ€"}"#,
        r#""type":"content_block_start","content_block":{"type":"tool_use","name":"f","input":[]}"#,
        r#""type":"message_delta","delta":{"stop_reason":"refusal"},"usage":{"output_tokens":9}"#,
        r#""candidates":[{"content":{"parts":[{"text":"t"},{"functionCall":{"args":1}}]},"finishReason":7}]"#,
        r#""usageMetadata":{"promptTokenCount":1,"cachedContentTokenCount":9,"totalTokenCount":3}"#,
        r#""promptFeedback":{"blockReason":"SAFETY"}"#,
        r#""event_type":"step.delta","index":0,"delta":{"type":"text","text":"t"}"#,
        r#""message":{"content":"t","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false"#,
        r#""done":true,"done_reason":"stop","eval_count":2"#,
        r#""output":{"message":{"content":[{"toolUse":{"input":"x"}}]}},"stopReason":"end_turn""#,
        r#""results":[{"outputText":"t","tokenCount":1.0}],"inputTextTokenCount":1"#,
        r#""generations":[{"text":"t"}],"completions":[{"data":{"tokens":[1]}}]"#,
        r#""embeddings":{"float":[[1,2]]},"embedding":{"values":[1]},"predictions":[{}]"#,
        r#""data":[{"embedding":[1,2]},{"embedding":"AAAA"}]"#,
    ]);
    prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")))
}

/// Bytes near to what providers send, so that the inner branches are reached.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let object = object_text();
    let line = prop_oneof![
        4 => object.clone().prop_map(|json| format!("data: {json}\n\n")),
        1 => Just("data: [DONE]\r\n\r\n".to_owned()),
        1 => Just(": comment\revent: error\r".to_owned()),
        2 => object.prop_map(|json| json + "\n"),
        1 => "\\PC{0,20}",
    ];
    let text = prop::collection::vec(line, 0..8).prop_map(|lines| lines.concat().into_bytes());
    let messages = prop::collection::vec(
        (prop::sample::select(MESSAGES.to_vec()), object_text()),
        0..5,
    )
    .prop_map(|messages| {
        let message = |(name, payload): (&str, String)| {
            let payload = match name {
                "chunk" => json!({ "bytes": STANDARD.encode(payload) }).to_string(),
                _ => payload,
            };
            message(&[(":event-type", name)], &payload)
        };
        messages.into_iter().flat_map(message).collect::<Vec<u8>>()
    });
    prop_oneof![
        4 => text,
        2 => messages,
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    prop::sample::select(vec![Content::Preview, Content::Full, Content::Off])
}

#[test]
fn a_text_that_is_no_longer_kept_is_still_counted() {
    let piece = "añ€\"\\ 😀 word ";
    let chat: Vec<String> = (0..1_000)
        .map(|_| {
            let delta = json!({ "content": piece });
            let choice = json!({ "index": 0, "delta": delta, "finish_reason": null });
            format!(
                "data: {}\n\n",
                json!({ "id": "c", "choices": [choice], "usage": null })
            )
        })
        .collect();
    let responses: Vec<String> = (0..1_000)
        .map(|_| {
            let name = "response.output_text.delta";
            let delta = json!({ "type": name, "output_index": 0, "delta": piece });
            format!("event: {name}\ndata: {delta}\n\n")
        })
        .collect();
    for (path, body) in [
        ("/v1/chat/completions", chat.concat()),
        ("/v1/responses", responses.concat()),
    ] {
        let output = |content| {
            let call = record(path, content, "{}", body.as_bytes(), 1_000)?;
            match call.output? {
                Recorded::Text(text) => Some(text),
                Recorded::Json(_) => None,
            }
        };
        let preview = output(Content::Preview).unwrap();
        let full = output(Content::Full).unwrap();
        assert_eq!((preview.kept, preview.total), (500, full.total));
        assert_eq!((full.kept, full.text), (full.total, piece.repeat(1_000)));
    }
}

proptest! {
    #[test]
    fn the_cut_of_the_bytes_does_not_matter_and_nothing_panics(
        path in prop::sample::select(PATHS.to_vec()),
        content in content(),
        body in body(),
        size in 1_usize..40,
    ) {
        let whole = record(path, content, "{}", &body, usize::MAX);
        let cut = record(path, content, "{}", &body, size);
        prop_assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
    }

    #[test]
    fn any_request_can_be_read(
        path in prop::sample::select(PATHS.to_vec()),
        content in content(),
        messages in "[\\[\\]{}\":,a-c0-2]{0,60}",
    ) {
        for member in [
            "messages",
            "input",
            "prompt",
            "tools",
            "instructions",
            "contents",
            "system",
            "systemInstruction",
            "requests",
            "texts",
            "toolConfig",
        ] {
            record(path, content, &format!("{{\"{member}\":{messages}}}"), b"", 1);
        }
    }

    #[test]
    fn without_content_no_text_is_kept(path in prop::sample::select(PATHS.to_vec()), body in body()) {
        let request = r#"{"messages":[{"role":"user","content":"x"}],"input":"x","prompt":"x",
            "system":"x","contents":[{"parts":[{"text":"x"}]}],"inputText":"x"}"#;
        let call = record(path, Content::Off, request, &body, 7);
        let texts = call.map(|call| (call.input, call.system, call.output));
        prop_assert_eq!(texts, Some((None, None, None)));
    }

    #[test]
    fn nesting_does_not_exhaust_the_stack(
        path in prop::sample::select(PATHS.to_vec()),
        before in prop::sample::select(vec!["{\"data\":[", "{\"embeddings\":[", "{\"embedding\":", "data: {\"choices\":[", "{\"content\":[", ""]),
        (open, close) in prop::sample::select(vec![
            ("{\"embedding\":", "}"),
            ("{\"values\":", "}"),
            ("{\"embeddings\":", "}"),
            ("{\"content\":", "}"),
            ("[", "]"),
        ]),
        levels in 1_usize..20_000,
    ) {
        let after = match before {
            "" => "",
            before if before.ends_with('[') => "]}",
            _ => "}",
        };
        let body = format!("{before}{}1{}{after}", open.repeat(levels), close.repeat(levels));
        prop_assert!(record(path, Content::Preview, &body, body.as_bytes(), 4_096).is_some());
    }
}

/// What an open call may hold: the line and the event of a server-sent event of 4 MiB, in buffers that
/// grow by doubling, and its texts.
const BOUND: usize = 17 * 1024 * 1024;

#[test]
fn however_much_comes_a_call_holds_no_more_than_its_bound() {
    let starts = [
        ("/v1/chat/completions", "text/event-stream", "data: "),
        ("/v1/responses", "text/event-stream", "event: "),
        ("/v1/chat/completions", "application/json", "{\"id\":\""),
        (
            "/v1beta/models/m:streamGenerateContent",
            "application/json",
            "[{\"candidates\":",
        ),
        (
            "/api/chat",
            "application/x-ndjson",
            "{\"message\":{\"content\":\"",
        ),
        (
            "/model/m/converse-stream",
            "application/vnd.amazon.eventstream",
            "\u{7f}\u{7f}\u{7f}\u{7f}",
        ),
        ("/v1/embeddings", "", ""),
    ];
    let floods = [
        "x",
        "[{\"a\":",
        "\n\ndata: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}}]}",
    ];
    for (path, content_type, start) in starts {
        for (status, flood) in [200, 200, 500].into_iter().zip(floods) {
            let endpoint = Endpoint::recognise("POST", "api.openai.com", path).unwrap();
            let mut recorder = Recorder::new(endpoint, Content::Full);
            recorder.head(status, &|name| {
                (name == "content-type").then_some(content_type)
            });
            recorder.chunk(start.as_bytes(), SystemTime::UNIX_EPOCH);
            let piece = flood.repeat((256 << 10) / flood.len());
            for _ in 0..80 {
                recorder.chunk(piece.as_bytes(), SystemTime::UNIX_EPOCH);
                let held = recorder.held();
                assert!(held < BOUND, "{path} {content_type} {flood:.20}: {held}");
            }
        }
    }
}
