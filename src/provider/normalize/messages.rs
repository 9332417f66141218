//! What was said, from the messages of the conventions: `[{role, parts: [{type, content}]}]` as JSON.

use opentelemetry::KeyValue;
use serde_json::{Value, json};

use super::{add, text};
use crate::{
    Content,
    observation::attributes::{INPUT, METADATA, OUTPUT},
    provider::fields::text as member,
};

const INPUT_MESSAGES: &str = "gen_ai.input.messages";
const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
const SYSTEM: &str = "gen_ai.system_instructions";

/// Puts the messages where Langfuse reads them first, as the observations of this crate have them:
/// in a preview the latest question and the answer, in full all of them.
pub(super) fn show(attributes: &mut Vec<KeyValue>, content: Content) {
    let read = |key| text(attributes, key).map(|text| parsed(&text));
    let (input, output) = (read(INPUT_MESSAGES), read(OUTPUT_MESSAGES));
    let system = read(SYSTEM);
    forget(attributes);
    if content == Content::Off {
        return;
    }
    if let Some(output) = output {
        match answer(&output) {
            Value::Null => {}
            Value::String(text) => add(attributes, OUTPUT, text),
            structure => add(attributes, OUTPUT, structure.to_string()),
        }
    }
    if content == Content::Full {
        let system = system.map(|said| json!({ "role": "system", "content": joined(&said) }));
        let messages = input.as_ref().and_then(Value::as_array);
        let messages = messages.into_iter().flatten().map(chat_message);
        let messages: Vec<Value> = system.into_iter().chain(messages).collect();
        if !messages.is_empty() {
            add(attributes, INPUT, Value::Array(messages).to_string());
        }
        return;
    }
    if let Some(question) = input.as_ref().and_then(question) {
        add(attributes, INPUT, question);
    }
    let instructions = system.map(|said| joined(&said)).or_else(|| {
        let messages = input.as_ref()?.as_array()?;
        let first = messages
            .iter()
            .find(|said| member(said, "role") == Some("system"));
        first.map(joined)
    });
    if let Some(instructions) = instructions.filter(|text| !text.is_empty()) {
        add(
            attributes,
            &format!("{METADATA}.system_prompt"),
            instructions,
        );
    }
    if let Some(messages) = input.as_ref().and_then(Value::as_array) {
        let counts = json!({ "messages": messages.len() });
        add(
            attributes,
            &format!("{METADATA}.input_counts"),
            counts.to_string(),
        );
    }
}

/// Takes the messages away.
pub(super) fn forget(attributes: &mut Vec<KeyValue>) {
    attributes.retain(|attribute| {
        ![INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM].contains(&attribute.key.as_str())
    });
}

/// Some write a plain text where the conventions have JSON.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// The text of the latest message of a user.
fn question(messages: &Value) -> Option<String> {
    if let Value::String(text) = messages {
        return Some(text.clone());
    }
    let mut messages = messages.as_array()?.iter().rev();
    messages.find_map(|message| {
        let texts = (member(message, "role") == Some("user")).then(|| joined(message))?;
        (!texts.is_empty()).then_some(texts)
    })
}

/// The answer: the text of the only choice, or a structure with tool calls or several choices.
fn answer(messages: &Value) -> Value {
    let Some(messages) = messages.as_array() else {
        return messages.clone();
    };
    let mut choices = messages.iter().map(|message| {
        let said = chat_message(message);
        match said.get("tool_calls") {
            Some(_) => said,
            None => said.get("content").cloned().unwrap_or_default(),
        }
    });
    match (choices.next(), choices.len()) {
        (None, _) => Value::Null,
        (Some(only), 0) => only,
        (Some(first), _) => std::iter::once(first).chain(choices).collect(),
    }
}

/// A message in the shape of OpenAI's chat API, which Langfuse shows as a conversation.
fn chat_message(message: &Value) -> Value {
    let role = member(message, "role").unwrap_or("user");
    let mut said = json!({ "role": role, "content": joined(message) });
    let calls: Vec<Value> = parts(message)
        .filter(|part| member(part, "type") == Some("tool_call"))
        .map(|part| {
            let arguments = match part.get("arguments") {
                Some(Value::String(text)) => text.clone(),
                Some(arguments) => arguments.to_string(),
                None => String::new(),
            };
            json!({
                "id": part.get("id"), "type": "function",
                "function": { "name": part.get("name"), "arguments": arguments },
            })
        })
        .collect();
    if !calls.is_empty()
        && let Some(members) = said.as_object_mut()
    {
        members.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    said
}

/// The texts of a message, or of a list of parts; media and other parts by their kind.
fn joined(said: &Value) -> String {
    if let Value::String(text) = said {
        return text.clone();
    }
    let mut joined = String::new();
    for part in parts(said) {
        let result = ["response", "result"].iter().find_map(|key| part.get(*key));
        let piece = match (member(part, "type"), result) {
            (Some("tool_call" | "reasoning" | "thinking"), _) => continue,
            (Some("tool_call_response"), Some(Value::String(text))) => text.clone(),
            (Some("tool_call_response"), Some(result)) => result.to_string(),
            (Some("blob" | "file" | "uri"), _) => {
                format!("[{}]", member(part, "modality").unwrap_or("file"))
            }
            _ => match (part, member(part, "content"), member(part, "text")) {
                (Value::String(text), _, _) => text.clone(),
                (_, Some(text), _) | (_, None, Some(text)) => text.to_owned(),
                _ => continue,
            },
        };
        if !joined.is_empty() {
            joined.push('\n');
        }
        joined.push_str(&piece);
    }
    joined
}

/// The parts of a message, of a list of them, or the one text that it has instead.
fn parts(said: &Value) -> impl Iterator<Item = &Value> {
    let parts = said
        .get("parts")
        .or_else(|| said.get("content"))
        .unwrap_or(said);
    let (list, one) = match parts {
        Value::Array(list) => (list.as_slice(), None),
        one => (&[][..], Some(one)),
    };
    list.iter().chain(one)
}
