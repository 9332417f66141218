//! What a request said: the latest user message, the system prompt, and counts.

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::{call::Recorded, fields::text, structure::Structure};
use crate::observation::{Captured, Content, TextCapture};

/// How much the input was. Kept under every content policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Messages, or texts to embed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) messages: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) chars: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) images: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) audio: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) files: usize,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) tools: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the shape that serde asks for
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Counts {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads a request's messages, one at a time.
#[derive(Debug)]
pub(crate) struct Input {
    content: Content,
    pub(crate) counts: Counts,
    latest_user: Option<Captured>,
    system: TextCapture,
    full: Vec<Structure>,
    /// The first message, if it is nothing but a text.
    plain: Option<Captured>,
    tools: Vec<Structure>,
    budget: Budget,
}

impl Input {
    pub(crate) fn new(content: Content) -> Self {
        Self {
            content,
            counts: Counts::default(),
            latest_user: None,
            system: TextCapture::new(content.max_system_chars()),
            full: Vec::new(),
            plain: None,
            tools: Vec::new(),
            budget: Budget(content.max_chars()),
        }
    }

    /// Adds a message in one of the shapes `{role, content}` or a typed item.
    pub(crate) fn message(&mut self, mut message: Value) {
        self.counts.messages += 1;
        let is_text = message.is_string();
        let parts = match &message {
            Value::String(_) => &message,
            _ => ["content", "output"]
                .into_iter()
                .find_map(|key| message.get(key).filter(|parts| !parts.is_null()))
                .unwrap_or(&message),
        };
        match text(&message, "role") {
            Some("system" | "developer") => self.system_text(parts),
            Some("user") => self.user_text(parts),
            None if is_text => self.user_text(parts),
            _ => {
                let mut counter = TextCapture::new(0);
                read_parts(parts, &mut counter, &mut self.counts);
                self.counts.chars += counter.finish().total;
            }
        }
        if self.content == Content::Full {
            if is_text {
                self.plain = self.latest_user.clone().filter(|_| self.full.is_empty());
                message = serde_json::json!({ "role": "user", "content": message });
            }
            self.full.push(self.budget.keep(message));
        }
    }

    /// Adds texts to embed: one, or an array of them.
    pub(crate) fn texts(&mut self, texts: Value) {
        let texts = match texts {
            Value::Array(texts) => texts,
            Value::Null => Vec::new(),
            text => vec![text],
        };
        let mut messages = 0;
        let mut tokens = false;
        for text in texts {
            match text {
                // A preview shows the first text, the counts tell of the others.
                Value::String(text) if messages > 0 && self.content != Content::Full => {
                    self.counts.chars += text.chars().count();
                }
                text @ (Value::String(_) | Value::Object(_)) => self.message(text),
                // A text may come as an array of token numbers: one input, not many.
                Value::Number(_) => {
                    tokens = true;
                    continue;
                }
                _ => {}
            }
            messages += 1;
        }
        self.counts.messages = messages + usize::from(tokens);
    }

    /// Adds a system prompt that stands beside the messages.
    pub(crate) fn instructions(&mut self, instructions: &Value) {
        if instructions.is_null() {
            return;
        }
        self.system_text(instructions);
        if self.content == Content::Full {
            let message = serde_json::json!({ "role": "system", "content": instructions });
            self.full.push(self.budget.keep(message));
        }
    }

    /// Adds the definition of a tool, which holds so many functions. A preview counts them.
    pub(crate) fn tool(&mut self, functions: usize, definition: impl FnOnce() -> Option<Value>) {
        self.counts.tools += functions;
        if self.content == Content::Full {
            let kept = definition().map(|definition| self.budget.keep(definition));
            self.tools.extend(kept);
        }
    }

    /// The same of definitions of one function each.
    pub(crate) fn tools<'a>(&mut self, definitions: impl IntoIterator<Item = &'a RawValue>) {
        for definition in definitions {
            self.tool(1, || serde_json::from_str(definition.get()).ok());
        }
    }

    /// The input and the system prompt, as far as the policy allows.
    pub(crate) fn finish(self) -> (Option<Recorded>, Option<Captured>, Counts) {
        let system = Some(self.system.finish()).filter(|system| system.total > 0);
        match self.content {
            Content::Off => (None, None, self.counts),
            Content::Full => {
                // The messages hold the system prompt already.
                let input = match (self.plain, self.full.len(), self.tools.is_empty()) {
                    (Some(text), 1, true) => Some(Recorded::Text(text)),
                    (_, 0, true) => None,
                    (_, _, true) => Some(Recorded::Json(Structure::list(self.full))),
                    // As the wrappers of the official SDKs have it.
                    (_, _, false) => Some(Recorded::Json(Structure::object([
                        ("messages".to_owned(), Structure::list(self.full)),
                        ("tools".to_owned(), Structure::list(self.tools)),
                    ]))),
                };
                (input, None, self.counts)
            }
            _ => {
                let input = self.latest_user.map(Recorded::Text);
                (input, system, self.counts)
            }
        }
    }

    fn system_text(&mut self, parts: &Value) {
        let before = self.system.total();
        read_parts(parts, &mut self.system, &mut self.counts);
        self.counts.chars += self.system.total() - before;
    }

    fn user_text(&mut self, parts: &Value) {
        let mut capture = TextCapture::new(self.content.max_chars());
        read_parts(parts, &mut capture, &mut self.counts);
        let captured = capture.finish();
        self.counts.chars += captured.total;
        // A message with nothing but the results of tools is no question.
        if captured.total > 0 || self.latest_user.is_none() {
            self.latest_user = Some(captured);
        }
    }
}

/// Adds the texts of a message's content, and counts its media.
fn read_parts(parts: &Value, capture: &mut TextCapture, counts: &mut Counts) {
    match parts {
        Value::String(text) => capture.push(text),
        Value::Array(parts) => {
            for part in parts {
                read_parts(part, capture, counts);
            }
        }
        Value::Object(_) => {
            let kind = kind_of_part(parts);
            let (count, mark) = match kind {
                _ if kind.contains("image") => (&mut counts.images, "[image]"),
                _ if kind.contains("audio") => (&mut counts.audio, "[audio]"),
                _ if ["file", "document", "video", "application/"]
                    .iter()
                    .any(|file| kind.contains(file)) =>
                {
                    (&mut counts.files, "[file]")
                }
                "tool_result" => {
                    let mut counter = TextCapture::new(0);
                    read_parts(
                        parts.get("content").unwrap_or(&Value::Null),
                        &mut counter,
                        counts,
                    );
                    counts.chars += counter.finish().total;
                    return;
                }
                _ => {
                    if let Some(text) = text(parts, "text") {
                        capture.push(text);
                    }
                    return;
                }
            };
            *count += 1;
            capture.push(mark);
        }
        _ => {}
    }
}

/// The kind of a part: its type, or the member or media type that tells it.
fn kind_of_part(part: &Value) -> &str {
    let data = ["inlineData", "inline_data", "fileData", "file_data"]
        .into_iter()
        .find_map(|name| part.get(name));
    if let Some(data) = data {
        return text(data, "mimeType")
            .or_else(|| text(data, "mime_type"))
            .unwrap_or("file");
    }
    text(part, "type").unwrap_or_else(|| {
        ["image", "document", "video", "audio"]
            .into_iter()
            .find(|name| part.get(*name).is_some())
            .unwrap_or_default()
    })
}

/// The characters that may still be kept of a whole structure.
#[derive(Debug)]
struct Budget(usize);

impl Budget {
    /// Cuts the texts of a structure so that it stays within the budget and stays valid JSON.
    fn keep(&mut self, value: Value) -> Structure {
        match value {
            Value::String(text) => {
                if let Some(placeholder) = media_placeholder(&text) {
                    return Value::String(placeholder).into();
                }
                // Also without a cut it is free of keys and personal data then.
                let captured = Captured::of(&text, self.0);
                self.0 -= captured.kept;
                captured.into()
            }
            Value::Array(items) => Structure::list(items.into_iter().map(|item| self.keep(item))),
            Value::Object(members) => {
                let media = Media::of(&members);
                let members = members
                    .into_iter()
                    .filter(|(name, _)| !SECRET.contains(&name.as_str()));
                Structure::object(members.map(|(name, mut member)| {
                    if media.is_in(&name, &member) {
                        hide_media(&mut member);
                    }
                    (name, self.keep(member))
                }))
            }
            value => value.into(),
        }
    }
}

/// Members that only the provider can read.
const SECRET: [&str; 6] = [
    "encrypted_content",
    "encrypted_index",
    "redactedContent",
    "signature",
    "thoughtSignature",
    "thought_signature",
];

/// Members that hold media in base 64.
const MEDIA: [&str; 4] = ["b64_json", "bytes", "file_data", "images"];

/// Length from which a text without a space is taken for media.
const MEDIA_LEN: usize = 64;

/// Where an object holds media.
#[derive(Clone, Copy)]
struct Media {
    /// Its `data` is of a kind that is named beside it.
    has_kind: bool,
    /// Its `result` is an image.
    is_image: bool,
}

impl Media {
    fn of(members: &serde_json::Map<String, Value>) -> Self {
        let kind = members.get("type").and_then(Value::as_str);
        let names = ["format", "media_type", "mimeType", "mime_type"];
        let has_kind = names.iter().any(|name| members.contains_key(*name));
        Self {
            has_kind: kind == Some("base64") || has_kind && kind != Some("text"),
            is_image: kind == Some("image_generation_call"),
        }
    }

    fn is_in(self, name: &str, member: &Value) -> bool {
        match (name, member) {
            // An argument of a tool may have that name, too.
            ("data", Value::String(text)) => {
                (self.has_kind || text.len() >= MEDIA_LEN) && is_base64(text)
            }
            ("result", _) => self.is_image,
            _ => MEDIA.contains(&name),
        }
    }
}

fn is_base64(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(&byte);
    text.bytes().all(is_digit)
}

fn hide_media(value: &mut Value) {
    match value {
        Value::String(text) => *text = format!("[{} characters of media]", text.len()),
        Value::Array(items) => items.iter_mut().for_each(hide_media),
        _ => {}
    }
}

/// What stands for a data URI: its media type and length.
fn media_placeholder(text: &str) -> Option<String> {
    let (kind, data) = text.strip_prefix("data:")?.split_once(";base64,")?;
    let kind = Captured::of(kind, 40).text;
    Some(format!("[{kind}, {} characters of media]", data.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn media_are_told_by_their_length_and_plain_text_stays() {
        let long = "iVBORw0KGgo".repeat(20);
        let message = json!({ "role": "user", "content": [
            { "type": "image_generation_call", "result": long },
            { "type": "tool_use", "input": { "data": "plain words", "format": "csv" } },
            { "type": "function_call_output", "data": "short" },
            { "inlineData": { "mimeType": "image/png", "data": "iVBORw0KGgo" } },
            { "type": "web_search_result", "encrypted_index": "hush", "title": "t" },
        ] });
        let mut input = Input::new(Content::Full);
        input.message(message);
        let Some(Recorded::Json(structure)) = input.finish().0 else {
            panic!("no structure");
        };
        let text = structure.shown("input", None).text;
        for kept in [
            "plain words",
            "\"short\"",
            "\"t\"",
            "[220 characters of media]",
        ] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        for gone in ["iVBOR", "hush", "encrypted_index"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
    }
}
