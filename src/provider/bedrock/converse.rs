//! `converse` and `converse-stream`, and the Nova models, which speak the same inside of invoke.

use serde_json::Value;

use super::usage::Counts;
use crate::provider::{
    decode::Event,
    delta::look,
    extract::{Draft, Extract},
    fields::{Fields, text},
    input::Input,
};

/// Reads conversations.
#[derive(Debug, Default)]
pub(in crate::provider) struct ConverseExtractor;

impl Extract for ConverseExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, draft: &mut Draft) {
        for name in ["inferenceConfig", "additionalModelRequestFields"] {
            draft.call.parameters.add_of(request, name);
        }
        input.instructions(&request.value("system"));
        for message in request.items("messages") {
            if let Ok(message) = serde_json::from_str(message.get()) {
                input.message(message);
            }
        }
        let tools = request.value("toolConfig");
        let tools = tools.get("tools").and_then(Value::as_array);
        for tool in tools.into_iter().flatten() {
            input.tool(1, || Some(tool.clone()));
        }
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        let output = response.value("output");
        let blocks = output.pointer("/message/content").and_then(Value::as_array);
        for (index, block) in (0..).zip(blocks.into_iter().flatten()) {
            read_block(index, block, draft);
        }
        if let Some(reason) = response.text("stopReason") {
            draft.output.finish_reason(0, &reason);
        }
        read_usage(&response.value("usage"), draft);
    }

    fn event(&mut self, event: Event<'_>, draft: &mut Draft) {
        if event.name == "contentBlockDelta" && skip(event.data, draft) {
            return;
        }
        if let Some(value) = event.json() {
            read_event(event.name, &value, draft);
        }
    }
}

/// Counts the text of a delta that cannot be kept. False if the event must be parsed.
pub(super) fn skip(data: &str, draft: &mut Draft) -> bool {
    if !draft.is_full() {
        return false;
    }
    let (mut chars, mut is_thought) = (None, false);
    let can_be_skipped = look(data, |name, value| match name {
        "text" => {
            chars = value.chars();
            true
        }
        "reasoningContent" => {
            is_thought = true;
            true
        }
        "delta" | "contentBlockDelta" | "contentBlockIndex" | "signature" | "p" => true,
        "redactedContent" => is_thought,
        // Whatever else it is, it is no text.
        _ => false,
    });
    // Nothing is kept of thoughts, not even their length.
    let chars = if is_thought { Some(0) } else { chars };
    let Some(chars) = chars.filter(|_| can_be_skipped) else {
        return false;
    };
    draft.output.skip(0, chars);
    true
}

/// Reads an event by its type.
pub(super) fn read_event(kind: &str, event: &Value, draft: &mut Draft) {
    let index = event
        .get("contentBlockIndex")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    match kind {
        "contentBlockStart" => {
            if let Some(start) = event.get("start") {
                read_block(index, start, draft);
            }
        }
        "contentBlockDelta" => {
            if let Some(delta) = event.get("delta") {
                read_block(index, delta, draft);
            }
        }
        "messageStop" => {
            if let Some(reason) = text(event, "stopReason") {
                draft.output.finish_reason(0, reason);
            }
        }
        "metadata" => {
            read_usage(event.get("usage").unwrap_or(&Value::Null), draft);
            // It follows the end of the message, and nothing follows it.
            draft.done = true;
        }
        _ => {}
    }
}

/// Reads a block of content, or a piece of one: a text, a call of a tool, or thoughts.
fn read_block(index: u64, block: &Value, draft: &mut Draft) {
    if let Some(piece) = text(block, "text") {
        draft.has_content = true;
        draft.output.text(0, piece);
    }
    if let Some(tool) = block.get("toolUse") {
        draft.has_content = true;
        let arguments = match tool.get("input") {
            Some(Value::String(piece)) => piece.clone(),
            Some(Value::Null) | None => String::new(),
            Some(input) => input.to_string(),
        };
        let name = text(tool, "name").unwrap_or_default();
        draft
            .output
            .tool_call(0, index, text(tool, "toolUseId"), name, &arguments);
    }
    draft.has_content |= block.get("reasoningContent").is_some();
}

fn read_usage(usage: &Value, draft: &mut Draft) {
    if let Some(usage) = Counts::of_converse(usage).buckets() {
        draft.usage(usage);
    }
}
