//! The Responses API: everything from the terminal event, deltas for streams that never get there.

use serde_json::Value;

use super::usage::read_usage;
use crate::provider::{
    decode::Event,
    delta::look,
    extract::{Draft, Extract},
    failure::Failure,
    fields::{Fields, text},
    input::Input,
    output::each_text,
};

/// Reads responses.
#[derive(Debug)]
pub(in crate::provider) struct ResponseExtractor;

impl Extract for ResponseExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, _: &mut Draft) {
        input.instructions(&request.value("instructions"));
        match request.value("input") {
            prompt @ Value::String(_) => input.message(prompt),
            Value::Array(items) => items.into_iter().for_each(|item| input.message(item)),
            _ => {}
        }
        input.tools(request.items("tools"));
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        read_response(|name| response.value(name), draft);
    }

    fn event(&mut self, event: Event<'_>, draft: &mut Draft) {
        if event.data.trim() == "[DONE]" {
            draft.done = true;
            return;
        }
        if skip(event, draft) {
            return;
        }
        let Some(mut event) = event.json() else {
            return;
        };
        let kind = text(&event, "type").unwrap_or_default().to_owned();
        match kind.as_str() {
            "response.completed" | "response.incomplete" | "response.failed" | "response.done" => {
                draft.output.restart();
                read_terminal(&mut event, draft);
                draft.done = true;
            }
            "error" => {
                let failure = Failure::of_envelope(&event, None);
                let failure = failure.unwrap_or_else(|| Failure::new("error", ""));
                draft.fail(failure);
                draft.done = true;
            }
            "response.created" | "response.in_progress" | "response.queued" => {
                if let Some(response) = event.get("response") {
                    draft.identity(text(response, "id"), text(response, "model"));
                }
            }
            _ => read_delta(&kind, &event, draft),
        }
    }
}

/// Counts the text of a delta that cannot be kept. False if the event must be parsed.
fn skip(event: Event<'_>, draft: &mut Draft) -> bool {
    const TEXT: &str = "response.output_text.delta";
    const THOUGHTS: [&str; 2] = [
        "response.reasoning_text.delta",
        "response.reasoning_summary_text.delta",
    ];
    if !draft.is_full() || !event.name.is_empty() && !event.name.ends_with("text.delta") {
        return false;
    }
    let (mut kind, mut chars) = (Some(event.name).filter(|name| !name.is_empty()), None);
    look(event.data, |name, value| {
        match name {
            // Some servers, and clients that decode, name the type in the data only.
            "type" if kind.is_none() => kind = value.plain(),
            "delta" => chars = value.chars(),
            _ => {}
        }
        true
    });
    match (kind, chars) {
        (Some(TEXT), Some(chars)) => draft.output.skip(0, chars),
        (Some(kind), Some(_)) if THOUGHTS.contains(&kind) => {}
        _ => return false,
    }
    true
}

/// Reads the members of the response inside a terminal event.
fn read_terminal(event: &mut Value, draft: &mut Draft) {
    let mut response = event
        .get_mut("response")
        .map(Value::take)
        .unwrap_or_default();
    read_response(
        |name| response.get_mut(name).map(Value::take).unwrap_or_default(),
        draft,
    );
}

fn read_delta(kind: &str, event: &Value, draft: &mut Draft) {
    let place = event
        .get("output_index")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    match kind {
        "response.output_text.delta" | "response.refusal.delta" => {
            if let Some(piece) = text(event, "delta") {
                draft.has_content = true;
                draft.output.text(0, piece);
            }
        }
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            draft.has_content = true;
            let piece = text(event, "delta").unwrap_or_default();
            draft.output.tool_call(0, place, None, "", piece);
        }
        "response.output_item.added" => {
            let item = event.get("item").unwrap_or(&Value::Null);
            if is_tool_call(item) {
                draft.has_content = true;
                let name = text(item, "name").unwrap_or_default();
                draft
                    .output
                    .tool_call(0, place, text(item, "call_id"), name, "");
            }
        }
        "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
            draft.has_content = true;
        }
        _ => {}
    }
}

/// Reads a whole response.
fn read_response(mut member: impl FnMut(&str) -> Value, draft: &mut Draft) {
    draft.identity(member("id").as_str(), member("model").as_str());
    draft.service_tier(&member("service_tier"));
    let usage = member("usage");
    if usage.is_object() {
        read_usage(&usage, draft);
    }
    for (place, item) in (0..).zip(member("output").as_array().into_iter().flatten()) {
        read_item(place, item, draft);
    }
    let status = member("status");
    let error = serde_json::json!({ "error": member("error") });
    if let Some(failure) = Failure::of_envelope(&error, None) {
        draft.fail(failure);
    } else if status == "failed" {
        draft.fail(Failure::new("failed", "the response has the status failed"));
    }
    if let Some(reason) = finish_reason(&status, &member("incomplete_details"), draft) {
        draft.output.finish_reason(0, &reason);
    }
}

fn read_item(place: u64, item: &Value, draft: &mut Draft) {
    if is_tool_call(item) {
        draft.has_content = true;
        let name = text(item, "name").unwrap_or_default();
        let arguments = text(item, "arguments").or_else(|| text(item, "input"));
        let id = text(item, "call_id");
        draft
            .output
            .tool_call(0, place, id, name, arguments.unwrap_or_default());
    } else if let Some("message") = text(item, "type") {
        draft.has_content = true;
        let content = item.get("content").unwrap_or(&Value::Null);
        each_text(content, &mut |piece| draft.output.text(0, piece));
    }
}

fn is_tool_call(item: &Value) -> bool {
    matches!(
        text(item, "type"),
        Some("function_call" | "custom_tool_call")
    )
}

/// The word of the chat API for why a response ended.
fn finish_reason(status: &Value, details: &Value, draft: &Draft) -> Option<String> {
    let reason = match (status.as_str()?, text(details, "reason")) {
        ("completed" | "complete", _) if draft.output.has_tool_calls() => "tool_calls",
        ("completed" | "complete", _) => "stop",
        ("incomplete", Some("max_output_tokens" | "max_tokens") | None) => "length",
        ("incomplete", Some(reason)) => reason,
        ("cancelled", _) => "cancelled",
        _ => return None,
    };
    Some(reason.to_owned())
}
