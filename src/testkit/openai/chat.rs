//! `POST /v1/chat/completions`.

use serde_json::{Value, json};

use super::answer::{Completion, question_and_prompt, with};

/// When the answers claim to have been made, in seconds since 1970.
const CREATED: u32 = 1_767_225_600;

/// What is answered to the request; an error is a message for `OpenAI`'s error envelope.
pub(super) fn complete(request: &Value) -> Result<Completion, &'static str> {
    let model = request
        .get("model")
        .and_then(Value::as_str)
        .ok_or("you must provide a model parameter")?;
    let messages = request
        .get("messages")
        .and_then(Value::as_array)
        .filter(|messages| !messages.is_empty());
    let (question, prompt) =
        question_and_prompt(messages.ok_or("you must provide a messages parameter")?);
    Ok(Completion::new(model, &question, &prompt))
}

/// The whole answer.
pub(super) fn whole(completion: &Completion) -> Value {
    json!({
        "id": "chatcmpl-testkit",
        "object": "chat.completion",
        "created": CREATED,
        "model": completion.model,
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant",
                "content": completion.text,
                "refusal": null,
                "annotations": [],
            },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": usage(completion),
        "service_tier": "default",
        "system_fingerprint": "fp_testkit",
    })
}

/// The answer in events; with the usage in the last chunk if the request asks for it.
pub(super) fn events(request: &Value, completion: &Completion) -> Vec<String> {
    let include_usage = request
        .pointer("/stream_options/include_usage")
        .and_then(Value::as_bool)
        == Some(true);
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": "chatcmpl-testkit",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": completion.model,
            "service_tier": "default",
            "system_fingerprint": "fp_testkit",
            "choices": choices,
        });
        if include_usage {
            // Null in every chunk but the last.
            chunk = with(chunk, [("usage", usage)]);
        }
        event(&chunk)
    };
    let delta = |delta: Value, finish_reason: Value| {
        let choice =
            json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
        chunk(json!([choice]), Value::Null)
    };

    let mut events = vec![delta(
        json!({ "role": "assistant", "content": "", "refusal": null }),
        Value::Null,
    )];
    events.extend(
        completion
            .pieces()
            .iter()
            .map(|piece| delta(json!({ "content": piece }), Value::Null)),
    );
    events.push(delta(json!({}), json!("stop")));
    if include_usage {
        events.push(chunk(json!([]), usage(completion)));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn event(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}

fn usage(completion: &Completion) -> Value {
    json!({
        "prompt_tokens": completion.input_tokens,
        "completion_tokens": completion.output_tokens,
        "total_tokens": completion.total_tokens(),
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}
