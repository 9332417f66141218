//! Chat completions, of OpenAI, Azure and every provider that speaks the same protocol.

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

/// Members of a chunk for which it must be parsed even when no more text is kept.
const NOTEWORTHY: [&str; 7] = [
    "finish_reason",
    "x_groq",
    "audio",
    "tool_calls",
    "function_call",
    "error",
    "refusal",
];

/// Members of a delta that hold thoughts.
const REASONING: [&str; 2] = ["reasoning_content", "reasoning"];

/// Reads chat completions.
#[derive(Debug)]
pub(in crate::provider) struct ChatExtractor;

impl Extract for ChatExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, _: &mut Draft) {
        for message in request.items("messages") {
            if let Ok(message) = serde_json::from_str(message.get()) {
                input.message(message);
            }
        }
        input.tools(request.items("tools"));
        input.tools(request.items("functions"));
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        read_members(|name| response.value(name), draft);
    }

    fn event(&mut self, event: Event<'_>, draft: &mut Draft) {
        if event.data.trim() == "[DONE]" {
            draft.done = true;
            return;
        }
        if event.name != "error" && skip(event.data, "content", draft) {
            return;
        }
        let Some(mut chunk) = event.json() else {
            return;
        };
        if event.name == "error" && chunk.get("error").is_none() {
            chunk = serde_json::json!({ "error": chunk });
        }
        read_members(
            |name| chunk.get_mut(name).map(Value::take).unwrap_or_default(),
            draft,
        );
    }

    fn deferred(&mut self, event: Event<'_>, draft: &mut Draft) {
        read_deferred(event, draft);
    }
}

/// Reads the counts of a chunk that was put off.
pub(super) fn read_deferred(event: Event<'_>, draft: &mut Draft) {
    if let Some(chunk) = event.json() {
        read_usage(chunk.get("usage").unwrap_or(&Value::Null), draft);
    }
}

/// The body of a request that asks a stream for its usage, in place of what it says of its options.
/// None if it is no stream, or says itself whether to include usage.
#[cfg(any(feature = "openai", feature = "reqwest-middleware"))]
pub(in crate::provider) fn with_include_usage(body: &[u8]) -> Option<Vec<u8>> {
    const OPTIONS: &str = "stream_options";
    let request = Fields::parse(body)?;
    if request.value("stream") != true {
        return None;
    }
    let options = request.value(OPTIONS);
    let mut options = match options {
        Value::Null => serde_json::Map::new(),
        Value::Object(options) => options,
        _ => return None,
    };
    if options
        .get("include_usage")
        .is_some_and(|said| !said.is_null())
    {
        return None;
    }
    options.insert("include_usage".to_owned(), true.into());
    let options = serde_json::value::to_raw_value(&options).ok()?;
    // What the caller wrote stays as it was written, numbers above all.
    let members = request.iter().filter(|(name, _)| *name != OPTIONS);
    let mut members: Vec<_> = members.collect();
    members.push((OPTIONS, &options));
    let members = members.into_iter().map(|(name, raw)| {
        let name = serde_json::to_string(name).ok()?;
        Some(format!("{name}:{raw}"))
    });
    let members: Option<Vec<String>> = members.collect();
    Some(format!("{{{}}}", members?.join(",")).into_bytes())
}

/// Counts the text of a delta that cannot be kept. False if the delta must be parsed.
pub(super) fn skip(data: &str, key: &str, draft: &mut Draft) -> bool {
    if !draft.is_full() {
        return false;
    }
    let (mut chars, mut is_first, mut is_thought, mut has_usage) = (None, false, false, false);
    let can_be_skipped = look(data, |name, value| match name {
        // Deltas of further choices are rare enough to be parsed.
        "index" => {
            is_first = value.is("0");
            is_first
        }
        "usage" => {
            has_usage = !value.is_empty();
            true
        }
        name if name == key => {
            let is_only = chars.is_none();
            chars = value.chars().or(chars);
            is_only && (chars.is_some() || value.is_empty())
        }
        name if REASONING.contains(&name) => {
            is_thought |= !value.is_empty();
            true
        }
        name => !NOTEWORTHY.contains(&name) || value.is_empty(),
    });
    // Nothing is kept of thoughts, not even their length.
    let chars = chars.or(is_thought.then_some(0));
    let Some(chars) = chars.filter(|_| can_be_skipped && is_first) else {
        return false;
    };
    if has_usage && !draft.defer(data) {
        return false;
    }
    draft.output.skip(0, chars);
    true
}

/// Reads the members of a response or of a chunk: they differ only inside a choice.
pub(in crate::provider) fn read_members(mut member: impl FnMut(&str) -> Value, draft: &mut Draft) {
    draft.identity(member("id").as_str(), member("model").as_str());
    draft.service_tier(&member("service_tier"));
    let groq = member("x_groq");
    for holder in [
        member("error"),
        groq.get("error").cloned().unwrap_or_default(),
    ] {
        let envelope = serde_json::json!({ "error": holder });
        if let Some(failure) = Failure::of_envelope(&envelope, None) {
            draft.fail(failure);
        }
    }
    for usage in [groq.get("usage").unwrap_or(&Value::Null), &member("usage")] {
        if usage.is_object() {
            read_usage(usage, draft);
        }
    }
    for (place, choice) in (0..).zip(member("choices").as_array().into_iter().flatten()) {
        read_choice(place, choice, draft);
    }
}

fn read_choice(place: u64, choice: &Value, draft: &mut Draft) {
    let index = choice.get("index").and_then(Value::as_u64).unwrap_or(place);
    if let Some(piece) = text(choice, "text") {
        draft.has_content = true;
        draft.output.text(index, piece);
    }
    let message = ["message", "delta"]
        .into_iter()
        .find_map(|key| choice.get(key));
    if let Some(message) = message {
        read_message(index, message, draft);
    }
    if let Some(reason) = text(choice, "finish_reason") {
        draft.output.finish_reason(index, reason);
    }
    if let Some(error) = choice.get("error").filter(|error| !error.is_null()) {
        let envelope = serde_json::json!({ "error": error });
        if let Some(failure) = Failure::of_envelope(&envelope, None) {
            draft.fail(failure);
        }
    }
}

fn read_message(index: u64, message: &Value, draft: &mut Draft) {
    let mut spoke = false;
    let transcript = message.pointer("/audio/transcript");
    for content in ["content", "refusal"]
        .iter()
        .filter_map(|key| message.get(*key))
        .chain(transcript)
    {
        each_text(content, &mut |piece| {
            spoke |= !piece.is_empty();
            draft.output.text(index, piece);
        });
    }
    spoke |= REASONING.iter().any(|key| text(message, key).is_some());
    let calls = message.get("tool_calls").and_then(Value::as_array);
    for (place, call) in (0..).zip(calls.into_iter().flatten()) {
        let number = match (call.get("index").and_then(Value::as_u64), text(call, "id")) {
            (Some(number), _) => number,
            // Some stream each call whole and without a number: then its id tells them apart.
            (None, Some(id)) => draft.output.tool_number(index, id),
            (None, None) => place,
        };
        let called = call
            .get("function")
            .or_else(|| call.get("custom"))
            .unwrap_or(call);
        read_tool_call(index, number, text(call, "id"), called, draft);
        spoke = true;
    }
    if let Some(called) = message
        .get("function_call")
        .filter(|called| !called.is_null())
    {
        read_tool_call(index, 0, None, called, draft);
        spoke = true;
    }
    draft.has_content |= spoke;
}

fn read_tool_call(choice: u64, number: u64, id: Option<&str>, called: &Value, draft: &mut Draft) {
    let arguments = match called.get("arguments").or_else(|| called.get("input")) {
        Some(Value::String(arguments)) => arguments.clone(),
        Some(Value::Null) | None => String::new(),
        Some(structure) => structure.to_string(),
    };
    let name = text(called, "name").unwrap_or_default();
    draft.output.tool_call(choice, number, id, name, &arguments);
}

#[cfg(test)]
#[cfg(any(feature = "openai", feature = "reqwest-middleware"))]
mod tests {
    use super::with_include_usage;

    fn asked(body: &str) -> Option<String> {
        let asking = with_include_usage(body.as_bytes())?;
        String::from_utf8(asking).ok()
    }

    #[test]
    fn usage_is_asked_for_in_the_options_there_are_and_only_once() {
        for (body, expected) in [
            (
                r#"{"stream":true,"seed":1.0}"#,
                r#"{"stream":true,"seed":1.0,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":null,"stream":true}"#,
                r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream":true,"stream_options":{"include_obfuscation":false}}"#,
                r#"{"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}"#,
            ),
        ] {
            assert_eq!(asked(body).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_stream_or_says_itself_what_to_do_stays() {
        for body in [
            r#"{"stream":false}"#,
            r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
            r#"{"stream":true,"stream_options":7}"#,
            "no JSON",
        ] {
            assert_eq!(asked(body), None, "{body}");
        }
    }
}
