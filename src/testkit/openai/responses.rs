//! `POST /v1/responses`.

use serde_json::{Value, json};

use super::answer::{Completion, content_text, question_and_prompt, with};

/// When the answers claim to have been made, in seconds since 1970.
const CREATED: u32 = 1_767_225_600;

/// The id of the only output item.
const ITEM: &str = "msg_testkit";

/// What is answered to the request; an error is a message for `OpenAI`'s error envelope.
pub(super) fn complete(request: &Value) -> Result<Completion, &'static str> {
    let model = request
        .get("model")
        .and_then(Value::as_str)
        .ok_or("you must provide a model parameter")?;
    let (question, mut prompt) = match request.get("input") {
        Some(Value::Array(items)) => question_and_prompt(items),
        Some(text @ Value::String(_)) => (content_text(text), content_text(text)),
        _ => return Err("you must provide an input parameter"),
    };
    if let Some(instructions) = request.get("instructions").and_then(Value::as_str) {
        prompt = format!("{instructions}\n{prompt}");
    }
    Ok(Completion::new(model, &question, &prompt))
}

/// The whole answer.
pub(super) fn whole(request: &Value, completion: &Completion) -> Value {
    response(
        request,
        completion,
        "completed",
        &json!([item("completed", &json!([part(&completion.text)]))]),
    )
}

/// The answer in events.
pub(super) fn events(request: &Value, completion: &Completion) -> Vec<String> {
    let begun = response(request, completion, "in_progress", &json!([]));
    let mut events = Events::default();
    events.push("response.created", json!({ "response": begun }));
    events.push("response.in_progress", json!({ "response": begun }));
    events.push(
        "response.output_item.added",
        json!({ "output_index": 0, "item": item("in_progress", &json!([])) }),
    );
    events.push_part("response.content_part.added", json!({ "part": part("") }));
    for piece in completion.pieces() {
        events.push_part(
            "response.output_text.delta",
            json!({ "delta": piece, "logprobs": [] }),
        );
    }
    events.push_part(
        "response.output_text.done",
        json!({ "text": completion.text, "logprobs": [] }),
    );
    events.push_part(
        "response.content_part.done",
        json!({ "part": part(&completion.text) }),
    );
    events.push(
        "response.output_item.done",
        json!({ "output_index": 0, "item": item("completed", &json!([part(&completion.text)])) }),
    );
    events.push(
        "response.completed",
        json!({ "response": whole(request, completion) }),
    );
    events.events
}

/// Events with their sequence numbers.
#[derive(Default)]
struct Events {
    events: Vec<String>,
}

impl Events {
    fn push(&mut self, event_type: &str, data: Value) {
        let number = self.events.len();
        let data = with(
            data,
            [
                ("type", json!(event_type)),
                ("sequence_number", json!(number)),
            ],
        );
        self.events
            .push(format!("event: {event_type}\ndata: {data}\n\n"));
    }

    /// An event about the only content part of the only item.
    fn push_part(&mut self, event_type: &str, data: Value) {
        let part = [
            ("item_id", json!(ITEM)),
            ("output_index", json!(0)),
            ("content_index", json!(0)),
        ];
        self.push(event_type, with(data, part));
    }
}

fn response(request: &Value, completion: &Completion, status: &str, output: &Value) -> Value {
    let usage = json!({
        "input_tokens": completion.input_tokens,
        "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": completion.output_tokens,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": completion.total_tokens(),
    });
    json!({
        "id": "resp_testkit",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "model": completion.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": { "effort": null, "summary": null },
        "service_tier": "default",
        "store": false,
        "temperature": 1.0,
        "text": { "format": { "type": "text" } },
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": if status == "completed" { usage } else { Value::Null },
        "user": null,
        "metadata": {},
    })
}

fn item(status: &str, content: &Value) -> Value {
    json!({ "id": ITEM, "type": "message", "status": status, "role": "assistant", "content": content })
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text })
}
