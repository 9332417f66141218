//! What is answered to a question.

use serde_json::Value;

/// A question, its answer, and what both cost.
pub(super) struct Completion {
    pub(super) model: String,
    pub(super) text: String,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
}

impl Completion {
    /// Answers `question`; `prompt` is everything that was sent.
    pub(super) fn new(model: &str, question: &str, prompt: &str) -> Self {
        let text = format!(
            "You asked: \"{question}\" That is a question of {} words, and this is its answer.",
            question.split_whitespace().count()
        );
        Self {
            model: model.to_owned(),
            input_tokens: tokens(prompt),
            output_tokens: tokens(&text),
            text,
        }
    }

    pub(super) fn total_tokens(&self) -> u64 {
        self.input_tokens + self.output_tokens
    }

    /// The text in pieces of a word each, white space kept.
    pub(super) fn pieces(&self) -> Vec<&str> {
        self.text.split_inclusive(' ').collect()
    }
}

/// One token per four characters, rounded up.
pub(super) fn tokens(text: &str) -> u64 {
    u64::try_from(text.chars().count().div_ceil(4)).unwrap_or(u64::MAX)
}

/// `object` with more fields.
pub(super) fn with<const N: usize>(mut object: Value, fields: [(&str, Value); N]) -> Value {
    if let Value::Object(known) = &mut object {
        known.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

/// The text of a message's content: a string, or parts with a `text` each.
pub(super) fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part.get("text").and_then(Value::as_str))
                .collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}

/// The last message of a user, and the text of all messages.
pub(super) fn question_and_prompt(messages: &[Value]) -> (String, String) {
    let text = |message: &Value| message.get("content").map(content_text).unwrap_or_default();
    let asked = messages
        .iter()
        .rfind(|message| message.get("role").and_then(Value::as_str) == Some("user"));
    let question = asked.or(messages.last()).map(text).unwrap_or_default();
    let prompt: Vec<String> = messages.iter().map(text).collect();
    (question, prompt.join("\n"))
}
