//! Ollama's own API: chat, generate and embed, as one document or a line each.

use serde_json::Value;

use super::{
    decode::Event,
    delta::look,
    extract::{Draft, Extract},
    failure::Failure,
    fields::{Fields, count, text},
    input::Input,
    vectors,
};
use crate::observation::Usage;

/// Reads chats and completions.
#[derive(Debug, Default)]
pub(super) struct GenerateExtractor;

impl Extract for GenerateExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, draft: &mut Draft) {
        draft.call.parameters.add_of(request, "options");
        input.instructions(&request.value("system"));
        for message in request.items("messages") {
            if let Ok(message) = serde_json::from_str(message.get()) {
                read_images(&message, input);
                input.message(message);
            }
        }
        if let prompt @ Value::String(_) = request.value("prompt") {
            input.message(prompt);
            input.counts.images += request.items("images").len();
        }
        input.tools(request.items("tools"));
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        read_members(|name| response.value(name), draft);
    }

    fn event(&mut self, event: Event<'_>, draft: &mut Draft) {
        if skip(event.data, draft) {
            return;
        }
        let Some(mut line) = event.json() else {
            return;
        };
        let done = line.get("done") == Some(&Value::Bool(true));
        read_members(
            |name| line.get_mut(name).map(Value::take).unwrap_or_default(),
            draft,
        );
        draft.done |= done || draft.call.failure.is_some();
    }
}

fn read_images(message: &Value, input: &mut Input) {
    let images = message.get("images").and_then(Value::as_array);
    input.counts.images += images.map_or(0, Vec::len);
}

/// Counts the text of a line that cannot be kept. False if the line must be parsed.
fn skip(data: &str, draft: &mut Draft) -> bool {
    if !draft.is_full() {
        return false;
    }
    let (mut chars, mut goes_on) = (None, false);
    let can_be_skipped = look(data, |name, value| match name {
        "done" => {
            goes_on = value.is("false");
            goes_on
        }
        "content" | "response" => {
            chars = value.chars();
            true
        }
        "tool_calls" | "error" => value.is_empty(),
        _ => true,
    });
    let Some(chars) = chars.filter(|_| can_be_skipped && goes_on) else {
        return false;
    };
    draft.output.skip(0, chars);
    true
}

/// Reads the members of a response or of a line.
fn read_members(mut member: impl FnMut(&str) -> Value, draft: &mut Draft) {
    draft.identity(None, member("model").as_str());
    draft.fail_of(&serde_json::json!({ "error": member("error") }));
    let message = member("message");
    let thought = member("thinking");
    draft.has_content |= [text(&message, "thinking"), thought.as_str()]
        .into_iter()
        .flatten()
        .any(|thought| !thought.is_empty());
    for piece in [text(&message, "content"), member("response").as_str()] {
        if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
            draft.has_content = true;
            draft.output.text(0, piece);
        }
    }
    let calls = message.get("tool_calls").and_then(Value::as_array);
    for call in calls.into_iter().flatten() {
        read_tool_call(call, draft);
    }
    if let Some(reason) = member("done_reason").as_str() {
        draft.output.finish_reason(0, reason);
    }
    read_usage(&member("prompt_eval_count"), &member("eval_count"), draft);
}

/// A call comes whole. Its number counts within one line only.
fn read_tool_call(call: &Value, draft: &mut Draft) {
    draft.has_content = true;
    let called = call.get("function").unwrap_or(call);
    let arguments = match called.get("arguments") {
        Some(Value::String(arguments)) => arguments.clone(),
        Some(Value::Null) | None => String::new(),
        Some(arguments) => arguments.to_string(),
    };
    let number = draft.output.next_tool_number(0);
    let name = text(called, "name").unwrap_or_default();
    draft
        .output
        .tool_call(0, number, text(call, "id"), name, &arguments);
}

/// The prompt's count is missing when the server had evaluated the prompt before.
fn read_usage(prompt: &Value, eval: &Value, draft: &mut Draft) {
    let (input, output) = (count(prompt), count(eval));
    if input.is_none() && output.is_none() {
        return;
    }
    let mut usage = Usage::new();
    if let Some(input) = input {
        usage = usage.input(input);
    }
    if let Some(output) = output {
        usage = usage.output(output);
    }
    let total = input
        .unwrap_or_default()
        .saturating_add(output.unwrap_or_default());
    draft.usage(usage.total(total));
}

/// Reads embeddings.
#[derive(Debug, Default)]
pub(super) struct EmbedExtractor;

impl Extract for EmbedExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, draft: &mut Draft) {
        draft.call.parameters.add_of(request, "options");
        let texts = match request.value("input") {
            Value::Null => request.value("prompt"),
            texts => texts,
        };
        input.texts(texts);
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        draft.identity(None, response.text("model").as_deref());
        if let Some(message) = response.text("error") {
            draft.fail(Failure::new("_OTHER", &message));
        }
        vectors::summarise(&response.items("embeddings"), draft);
        vectors::summarise(response.raw("embedding").as_slice(), draft);
        read_usage(&response.value("prompt_eval_count"), &Value::Null, draft);
    }

    fn event(&mut self, _: Event<'_>, _: &mut Draft) {}
}
