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

#[test]
fn the_event_with_a_streamed_picture_is_read() {
    let picture = "A".repeat(3_000_000);
    let responses = json!({
        "type": "response.completed",
        "response": { "id": "r", "model": "gpt-5", "status": "completed",
            "output": [{ "type": "image_generation_call", "result": picture }],
            "usage": { "input_tokens": 50, "output_tokens": 70, "total_tokens": 120 } },
    });
    let images = json!({
        "type": "image_generation.completed", "b64_json": picture,
        "usage": { "input_tokens": 50, "output_tokens": 70, "total_tokens": 120 },
    });
    let part = json!({ "inlineData": { "mimeType": "image/png", "data": picture } });
    let gemini = json!({
        "candidates": [{ "content": { "parts": [part] }, "finishReason": "STOP" }],
        "usageMetadata": { "promptTokenCount": 50, "candidatesTokenCount": 70,
            "totalTokenCount": 120 },
    });
    for (path, event) in [
        ("/v1/responses", responses),
        ("/v1/images/generations", images),
        ("/v1beta/models/m:streamGenerateContent", gemini),
    ] {
        let body = format!("data: {event}\n\n");
        let call = read(path, 200, "text/event-stream", body.as_bytes(), Ended::Eof);
        assert_eq!(call.ended, Ended::Protocol, "{path}");
        assert_eq!(
            (call.input_tokens(), call.output_tokens()),
            (Some(50), Some(70)),
            "{path}"
        );
        assert!(call.notes.is_empty(), "{path}: {:?}", call.notes);
    }
}

#[test]
fn a_transcript_may_be_text() {
    for path in ["/v1/audio/transcriptions", "/v1/audio/translations"] {
        for (content_type, body) in [
            ("text/plain; charset=utf-8", "Hello world.\n"),
            ("text/plain; charset=utf-8", "data: is what I said\n\n"),
            ("text/plain", ""),
            ("text/vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nHi\n"),
            (
                "application/x-subrip",
                "1\n00:00:00,000 --> 00:00:01,000\nHi\n",
            ),
        ] {
            let call = read(path, 200, content_type, body.as_bytes(), Ended::Eof);
            assert_eq!(
                (call.failure, call.ended),
                (None, Ended::Protocol),
                "{body}"
            );
            assert_eq!(call.usage, Some(Usage::new().total(0)));
        }
    }
    let json = br#"{"text":"Hi","usage":{"input_tokens":14,"output_tokens":3}}"#;
    for content_type in ["application/json", "text/plain"] {
        let path = "/v1/audio/transcriptions";
        let call = read(path, 200, content_type, json, Ended::Eof);
        assert_eq!(call.input_tokens(), Some(14), "{content_type}");
    }
    let call = read(
        "/v1/audio/transcriptions",
        500,
        "text/plain",
        b"no",
        Ended::Eof,
    );
    assert_eq!(call.failure, Some(Failure::new("500", "no")));
    let call = read("/v1/chat/completions", 200, "text/plain", b"no", Ended::Eof);
    assert_eq!(call.failure, Some(no_json()));
}

#[test]
fn the_reasoning_of_claude_behind_a_gateway_is_output() {
    let usage = json!({ "prompt_tokens": 10, "completion_tokens": 500, "total_tokens": 510,
        "completion_tokens_details": { "reasoning_tokens": 400 } });
    let read = |model: &str| {
        read_json(
            "/v1/chat/completions",
            &json!({ "model": model, "choices": [], "usage": usage }),
        )
    };
    let claude = read("anthropic/claude-sonnet-4.5");
    let expected = Usage::new().input(10).output(500).total(510);
    assert_eq!(
        (claude.usage, claude.thinking_tokens),
        (Some(expected), Some(400))
    );
    let other = read("openai/gpt-5");
    assert_eq!(
        (other.output_tokens(), other.thinking_tokens),
        (Some(500), None)
    );
}

#[test]
fn the_words_of_a_provider_are_bounded() {
    let long = "é".repeat(100_000);
    let usage = json!({ "prompt_tokens": 1, "service_tier": long });
    let error = json!({ "message": "no", "type": long });
    for (path, body) in [
        (
            "/v1/chat/completions",
            json!({ "id": long, "model": long, "service_tier": long, "usage": usage, "error": error }),
        ),
        (
            "/v1/responses",
            json!({ "id": long, "model": long, "service_tier": long, "error": error }),
        ),
        (
            "/v1/messages",
            json!({ "id": long, "model": long, "usage": usage, "type": "error", "error": error }),
        ),
        (
            "/v1beta/models/m:generateContent",
            json!({ "responseId": long, "modelVersion": long, "error": error,
                "usageMetadata": { "serviceTier": long } }),
        ),
        (
            "/v1/interactions",
            json!({ "id": long, "model": long, "service_tier": long, "error": error }),
        ),
    ] {
        let call = read_json(path, &body);
        assert!(call.failure.is_some(), "{path}");
        assert!(format!("{call:?}").chars().count() < 3_000, "{path}");
    }
}

#[test]
fn a_body_that_only_the_caller_can_read_fails_by_its_status() {
    let read = |status: u16| {
        let endpoint = Endpoint::recognise("POST", "api.openai.com", "/v1/responses").unwrap();
        let mut recorder = Recorder::new(endpoint, Content::Preview);
        recorder.head(status, &|_| None);
        recorder.unreadable("gzip");
        recorder.chunk(b"\x1f\x8b", SystemTime::UNIX_EPOCH);
        recorder.finish(Ended::Eof, 1)
    };
    let failed = read(500);
    assert_eq!(
        failed.failure.map(|failure| failure.kind).as_deref(),
        Some("500")
    );
    assert_eq!(failed.usage, None);
    let whole = read(200);
    assert_eq!(
        (whole.failure, whole.usage),
        (None, Some(Usage::new().total(0)))
    );
}

#[test]
fn usage_without_a_count_is_told_as_none() {
    let blocked = read_json(
        "/v1beta/models/m:generateContent",
        &json!({ "promptFeedback": { "blockReason": "SAFETY" }, "usageMetadata": {} }),
    );
    assert!(blocked.refusal.is_some());
    assert_eq!(blocked.usage, Some(Usage::new().total(0)));
}

/// A stream of Gemini's, of chunks with a reason or none, and with the counts of the output or
/// without.
fn gemini(chunks: &[(Option<&str>, bool)], ended: Ended) -> (Vec<String>, Ended) {
    let mut events = Vec::new();
    for (reason, counted) in chunks {
        let mut usage = json!({ "promptTokenCount": 5, "totalTokenCount": 9 });
        if *counted {
            usage["candidatesTokenCount"] = 4.into();
        }
        let content = json!({ "parts": [{ "text": "word ".repeat(60) }] });
        let candidate = json!({ "content": content, "finishReason": reason, "index": 0 });
        let chunk = json!({ "candidates": [candidate], "usageMetadata": usage });
        events.push(format!("data: {chunk}\r\n\r\n"));
    }
    let path = "/v1beta/models/m:streamGenerateContent";
    let call = read(
        path,
        200,
        "text/event-stream",
        events.concat().as_bytes(),
        ended,
    );
    (call.finish_reasons, call.ended)
}

#[test]
fn a_reason_that_each_chunk_repeats_is_one_and_ends_nothing() {
    let stop = (Some("STOP"), true);
    let one = vec!["stop".to_owned()];
    assert_eq!(
        gemini(&[stop; 20], Ended::Eof),
        (one.clone(), Ended::Protocol)
    );
    assert_eq!(
        gemini(&[stop; 20], Ended::Dropped),
        (one.clone(), Ended::Dropped)
    );
    let uncounted = (Some("STOP"), false);
    assert_eq!(
        gemini(&[uncounted], Ended::Dropped),
        (one.clone(), Ended::Dropped)
    );
    assert_eq!(
        gemini(&[(None, true), stop], Ended::Dropped),
        (one, Ended::Protocol)
    );
}

#[test]
fn a_candidate_that_goes_on_after_its_end_has_two() {
    let (stop, text) = ((Some("STOP"), true), (None, true));
    let two = vec!["stop".to_owned(); 2];
    let whole = [text, stop, text, text, text, stop];
    assert_eq!(gemini(&whole, Ended::Eof), (two.clone(), Ended::Protocol));
    assert_eq!(gemini(&whole, Ended::Dropped), (two, Ended::Protocol));
    assert_eq!(gemini(&whole[..4], Ended::Dropped).1, Ended::Dropped);
}
