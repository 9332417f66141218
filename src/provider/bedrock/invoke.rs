//! `invoke` and `invoke-with-response-stream`. The bodies are those of the model's vendor, told
//! apart by their shape: an inference profile's id does not name the vendor.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    converse::{self, ConverseExtractor},
    usage::Counts,
};
use crate::provider::{
    anthropic::{self, MessageExtractor},
    decode::Event,
    delta::{Start, look},
    extract::{Draft, Extract, Header},
    fields::{Fields, count, text},
    input::Input,
    openai,
};

/// Reads the calls of models.
#[derive(Debug)]
pub(in crate::provider) struct InvokeExtractor {
    anthropic: MessageExtractor,
    /// What the headers say, for bodies without usage.
    counted: Counts,
}

impl InvokeExtractor {
    pub(in crate::provider) fn new() -> Self {
        Self {
            anthropic: MessageExtractor::of_bedrock(),
            counted: Counts::default(),
        }
    }

    fn read_vendor_event(&mut self, data: &str, draft: &mut Draft) {
        let vendors = Event {
            name: "",
            data,
            is_exception: false,
        };
        if skip(data, draft) {
            return;
        }
        let Some(event) = vendors.json() else {
            return;
        };
        let metrics = event
            .get("amazon-bedrock-invocationMetrics")
            .filter(|metrics| metrics.is_object());
        if event.get("type").is_some_and(Value::is_string) {
            self.anthropic.read_event(&event, draft);
        } else if event.get("choices").is_some() {
            let member = |name: &str| match name {
                "model" => Value::Null,
                name => event.get(name).cloned().unwrap_or_default(),
            };
            openai::read_members(member, draft);
        } else if let Some(members) = event.as_object() {
            for (name, member) in members {
                converse::read_event(name, member, draft);
            }
            read_members(|name| event.get(name).cloned().unwrap_or_default(), draft);
        }
        if let Some(metrics) = metrics {
            if !draft.has_usage
                && let Some(usage) = Counts::of_converse(metrics).buckets()
            {
                draft.usage(usage);
            }
            // They come with the last event.
            draft.done = true;
        }
    }
}

impl Extract for InvokeExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, draft: &mut Draft) {
        for name in ["inferenceConfig", "textGenerationConfig"] {
            draft.call.parameters.add_of(request, name);
        }
        input.instructions(&request.value("system"));
        for name in ["chat_history", "messages"] {
            for message in request.items(name) {
                if let Ok(message) = serde_json::from_str(message.get()) {
                    input.message(message);
                }
            }
        }
        for name in ["prompt", "inputText", "message"] {
            if let prompt @ Value::String(_) = request.value(name) {
                input.message(prompt);
            }
        }
        let tools = request.value("toolConfig");
        let tools = tools.get("tools").and_then(Value::as_array);
        match tools {
            Some(tools) => {
                for tool in tools {
                    input.tool(1, || Some(tool.clone()));
                }
            }
            None => input.tools(request.items("tools")),
        }
    }

    fn head(&mut self, header: Header<'_>, _: &mut Draft) {
        self.counted = Counts::of_headers(header);
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        if response.raw("choices").is_some() {
            // The name that a server inside of Bedrock has for the model says nothing outside.
            let member = |name: &str| match name {
                "model" => Value::Null,
                name => response.value(name),
            };
            openai::read_members(member, draft);
        } else if response.raw("output").is_some() {
            ConverseExtractor.document(response, draft);
        } else if response.raw("stop_reason").is_some() && response.raw("content").is_some() {
            self.anthropic.document(response, draft);
        } else {
            read_members(|name| response.value(name), draft);
        }
        // Guardrails leave out what they counted themselves.
        let counted = self.counted.buckets();
        if let Some(usage) = counted.filter(|_| draft.call.output_tokens().is_none()) {
            draft.usage(usage);
        }
    }

    fn event(&mut self, event: Event<'_>, draft: &mut Draft) {
        // Base 64 needs no escapes: what it is in need not be parsed.
        let mut bytes = None;
        look(event.data, |name, value| {
            if name == "bytes" {
                bytes = Start::plain(value);
            }
            true
        });
        if let Some(bytes) = bytes.and_then(|encoded| STANDARD.decode(encoded).ok()) {
            self.read_vendor_event(&String::from_utf8_lossy(&bytes), draft);
        }
    }
}

/// Counts the text of a vendor's delta that cannot be kept. False if it must be parsed.
fn skip(data: &str, draft: &mut Draft) -> bool {
    // Whatever ends a text, counts it, or is none.
    const NOTEWORTHY: [&str; 9] = [
        "amazon-bedrock-invocationMetrics",
        "choices",
        "completionReason",
        "contentBlockStart",
        "finish_reason",
        "generations",
        "messageStop",
        "metadata",
        "stop_reason",
    ];
    if !draft.is_full() {
        return false;
    }
    let (mut chars, mut is_converse, mut is_anthropic) = (None, false, false);
    let can_be_skipped = look(data, |name, value| {
        match name {
            "contentBlockDelta" => is_converse = true,
            "type" => is_anthropic = true,
            "outputText" | "generation" | "completion" | "text" => chars = value.chars().or(chars),
            _ => return !NOTEWORTHY.contains(&name) || value.is_empty(),
        }
        true
    });
    match chars {
        _ if !can_be_skipped => false,
        _ if is_converse => converse::skip(data, draft),
        _ if is_anthropic => anthropic::skip(data, draft),
        Some(chars) => {
            draft.output.skip(0, chars);
            true
        }
        None => false,
    }
}

/// Reads the shapes of Titan, Llama, Mistral, Cohere, AI21 and the first Claude models: one text,
/// or a list of them, with a reason beside it. A stream has the same members in each event.
fn read_members(mut member: impl FnMut(&str) -> Value, draft: &mut Draft) {
    let (mut input, mut output) = (None, None);
    for (name, text_name) in [
        ("results", "outputText"),
        ("outputs", "text"),
        ("generations", "text"),
        ("completions", "data"),
    ] {
        let list = member(name);
        for (index, item) in (0..).zip(list.as_array().into_iter().flatten()) {
            let piece = item.get(text_name).unwrap_or(&Value::Null);
            read_text(index, text(piece, "text").or_else(|| piece.as_str()), draft);
            for reason in [
                "completionReason",
                "stop_reason",
                "finish_reason",
                "finishReason",
            ] {
                let reason = item.get(reason).unwrap_or(&Value::Null);
                let reason = text(reason, "reason").or_else(|| reason.as_str());
                draft
                    .output
                    .finish_reason(index, reason.unwrap_or_default());
            }
            let counted = item.get("tokenCount").and_then(count);
            let listed = piece.get("tokens").and_then(Value::as_array);
            if let Some(tokens) = counted.or_else(|| u64::try_from(listed?.len()).ok()) {
                output = Some(tokens.saturating_add(output.unwrap_or_default()));
            }
        }
    }
    for name in ["outputText", "generation", "completion", "text"] {
        read_text(0, member(name).as_str(), draft);
    }
    for name in ["completionReason", "stop_reason", "finish_reason"] {
        let reason = member(name);
        draft
            .output
            .finish_reason(0, reason.as_str().unwrap_or_default());
    }
    let identity = member("response_id");
    draft.identity(identity.as_str().or(member("id").as_str()), None);
    for name in ["inputTextTokenCount", "prompt_token_count"] {
        input = input.or(count(&member(name)));
    }
    let prompt = member("prompt");
    let listed = prompt.get("tokens").and_then(Value::as_array);
    input = input.or_else(|| u64::try_from(listed?.len()).ok());
    for name in ["totalOutputTextTokenCount", "generation_token_count"] {
        output = output.or(count(&member(name)));
    }
    // One of the two alone would hide what the other was.
    if input.is_some() && output.is_some() {
        let counts = Counts {
            input,
            output,
            ..Counts::default()
        };
        if let Some(usage) = counts.buckets() {
            draft.usage(usage);
        }
    }
}

fn read_text(index: u64, piece: Option<&str>, draft: &mut Draft) {
    if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
        draft.has_content = true;
        draft.output.text(index, piece);
    }
}
