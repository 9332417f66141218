//! The Interactions API: steps instead of candidates.

use serde_json::Value;

use super::buckets;
use crate::provider::{
    decode::Event,
    delta::look,
    extract::{Draft, Extract},
    failure::Failure,
    fields::{Fields, text},
    input::Input,
    output::each_text,
};

/// Reads interactions.
#[derive(Debug, Default)]
pub(in crate::provider) struct InteractionExtractor;

impl Extract for InteractionExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, draft: &mut Draft) {
        draft.call.parameters.add_of(request, "generation_config");
        let model = &mut draft.call.request_model;
        // An agent stands in the place of a model.
        *model = model.take().or_else(|| request.text("agent"));
        input.instructions(&request.value("system_instruction"));
        match request.value("input") {
            prompt @ Value::String(_) => input.message(prompt),
            Value::Array(steps) => steps.into_iter().for_each(|step| read_turn(step, input)),
            Value::Null => {}
            step => read_turn(step, input),
        }
        input.tools(request.items("tools"));
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        read_interaction(|name| response.value(name), draft);
    }

    fn event(&mut self, event: Event<'_>, draft: &mut Draft) {
        if event.data.trim() == "[DONE]" {
            draft.done = true;
            return;
        }
        if skip(event.data, draft) {
            return;
        }
        let Some(event) = event.json() else {
            return;
        };
        let index = event
            .get("index")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        match text(&event, "event_type") {
            Some("step.start") => {
                if let Some(step) = event.get("step") {
                    read_step(index, step, draft);
                }
            }
            Some("step.delta") => {
                if let Some(delta) = event.get("delta") {
                    read_delta(index, delta, draft);
                }
            }
            Some("error") => {
                let failure = Failure::of_envelope(&event, None);
                draft.fail(failure.unwrap_or_else(|| Failure::new("error", "")));
            }
            _ => {
                if let Some(interaction) = event.get("interaction") {
                    let member = |name: &str| interaction.get(name).cloned().unwrap_or_default();
                    read_interaction(member, draft);
                }
            }
        }
    }
}

/// Counts the text of a delta that cannot be kept. False if the event must be parsed.
fn skip(data: &str, draft: &mut Draft) -> bool {
    if !draft.is_full() {
        return false;
    }
    let (mut is_delta, mut is_text, mut chars) = (false, false, None);
    let can_be_skipped = look(data, |name, value| {
        match name {
            "event_type" => {
                is_delta = value.is("\"step.delta\"");
                return is_delta;
            }
            "type" => {
                is_text = value.is("\"text\"");
                return is_text;
            }
            "text" => chars = value.chars(),
            _ => {}
        }
        true
    });
    let Some(chars) = chars.filter(|_| can_be_skipped && is_delta && is_text) else {
        return false;
    };
    draft.output.skip(0, chars);
    true
}

/// Adds a step or a turn of the request: what the user said, what the model said, a result.
fn read_turn(step: Value, input: &mut Input) {
    let role = match (text(&step, "role"), text(&step, "type")) {
        (Some("user"), _) | (_, Some("user_input" | "text" | "image" | "document")) => "user",
        (Some("model"), _) | (_, Some("model_output")) => "assistant",
        _ => "tool",
    };
    let content = step.get("content").cloned().unwrap_or(step);
    input.message(serde_json::json!({ "role": role, "content": content }));
}

/// Reads an interaction, whole or as an event tells of it.
fn read_interaction(mut member: impl FnMut(&str) -> Value, draft: &mut Draft) {
    draft.identity(member("id").as_str(), member("model").as_str());
    draft.service_tier(&member("service_tier"));
    let names = [
        "total_input_tokens",
        "total_tool_use_tokens",
        "total_cached_tokens",
        "total_output_tokens",
        "total_thought_tokens",
        "total_tokens",
    ];
    if let Some(usage) = buckets(&member("usage"), names) {
        draft.usage(usage);
    }
    for (index, step) in (0..).zip(member("steps").as_array().into_iter().flatten()) {
        read_step(index, step, draft);
    }
    draft.fail_of(&serde_json::json!({ "error": member("error") }));
    let status = member("status");
    match status.as_str() {
        Some("completed") => draft.output.finish_reason(0, "stop"),
        Some("requires_action") => draft.output.finish_reason(0, "tool_calls"),
        Some("incomplete") => draft.output.finish_reason(0, "length"),
        Some("cancelled") => draft.output.finish_reason(0, "cancelled"),
        Some("failed") => draft.fail(Failure::new(
            "failed",
            "the interaction has the status failed",
        )),
        _ => {}
    }
}

/// Reads a step that is whole, or the beginning of one.
fn read_step(index: u64, step: &Value, draft: &mut Draft) {
    match text(step, "type") {
        Some("model_output") => {
            let content = step.get("content").unwrap_or(&Value::Null);
            each_text(content, &mut |piece| {
                draft.has_content = true;
                draft.output.text(0, piece);
            });
        }
        Some("function_call") => {
            draft.has_content = true;
            // A stream begins with an empty object and sends the arguments as deltas.
            let arguments = match step.get("arguments") {
                Some(Value::Object(members)) if members.is_empty() => String::new(),
                Some(arguments) => arguments.to_string(),
                None => String::new(),
            };
            let name = text(step, "name").unwrap_or_default();
            draft
                .output
                .tool_call(0, index, text(step, "id"), name, &arguments);
        }
        _ => {}
    }
}

fn read_delta(index: u64, delta: &Value, draft: &mut Draft) {
    draft.has_content = true;
    match text(delta, "type") {
        Some("text") => {
            if let Some(piece) = text(delta, "text") {
                draft.output.text(0, piece);
            }
        }
        Some("arguments_delta") => {
            let piece = text(delta, "arguments").unwrap_or_default();
            draft.output.tool_call(0, index, None, "", piece);
        }
        _ => {}
    }
}
