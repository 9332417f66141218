//! `generateContent` and `streamGenerateContent`: the same objects, one or several.

use serde_json::Value;

use super::{buckets, read_content};
use crate::provider::{
    decode::Event,
    delta::look,
    extract::{Draft, Extract},
    failure::Failure,
    fields::{Fields, text},
    input::Input,
};

/// Reads generated content.
#[derive(Debug, Default)]
pub(in crate::provider) struct GenerateExtractor {
    ends: Ends,
}

/// The ends of the candidates, which may not be their last: one that had code run ends, goes on
/// and ends again, and some models repeat the reason in each chunk.
#[derive(Debug, Default)]
struct Ends {
    /// A bit for each candidate whose last chunk had a reason.
    ended: u64,
    /// A bit for each candidate that went on after a reason.
    reopened: u64,
    /// A reason was repeated chunk after chunk: it says nothing of the end.
    repeats: bool,
}

impl Ends {
    /// Sees a chunk of a candidate, with the reason in it. True if the reason is a new one.
    fn see(&mut self, candidate: u64, reason: Option<&str>, draft: &Draft) -> bool {
        let bit = u32::try_from(candidate)
            .ok()
            .and_then(|candidate| 1_u64.checked_shl(candidate))
            .unwrap_or_default();
        let Some(reason) = reason else {
            self.reopened |= self.ended & bit;
            self.ended &= !bit;
            return false;
        };
        let again = self.ended & bit != 0 && draft.output.is_last_finish(candidate, reason);
        self.ended |= bit;
        self.reopened &= !bit;
        self.repeats |= again;
        !again
    }

    /// Whether more is to come, as far as the chunks tell: the last one has the counts of the
    /// output.
    fn go_on(&self, draft: &Draft) -> bool {
        let counted = draft.call.output_tokens().is_some() || !draft.has_content;
        self.repeats || self.reopened != 0 || !counted
    }
}

impl Extract for GenerateExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, draft: &mut Draft) {
        for name in ["generationConfig", "generation_config"] {
            draft.call.parameters.add_of(request, name);
        }
        for name in ["systemInstruction", "system_instruction"] {
            let system = request.value(name);
            input.instructions(system.get("parts").unwrap_or(&system));
        }
        match request.value("contents") {
            Value::Array(contents) => {
                for content in &contents {
                    read_content(content, input);
                }
            }
            Value::Null => {}
            content => read_content(&content, input),
        }
        for tool in request.items("tools") {
            if let Some(fields) = Fields::parse(tool.get().as_bytes()) {
                let functions = fields.items("functionDeclarations").len().max(1);
                input.tool(functions, || serde_json::from_str(tool.get()).ok());
            }
        }
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        read_members(|name| response.value(name), &mut self.ends, draft);
    }

    fn event(&mut self, event: Event<'_>, draft: &mut Draft) {
        if skip(event.data, draft) {
            self.ends.see(0, None, draft);
            draft.output.go_on(self.ends.go_on(draft));
            return;
        }
        let Some(mut chunk) = event.json() else {
            return;
        };
        read_members(
            |name| chunk.get_mut(name).map(Value::take).unwrap_or_default(),
            &mut self.ends,
            draft,
        );
        draft.output.go_on(self.ends.go_on(draft));
    }

    fn deferred(&mut self, event: Event<'_>, draft: &mut Draft) {
        if let Some(chunk) = event.json() {
            read_usage(chunk.get("usageMetadata").unwrap_or(&Value::Null), draft);
        }
    }
}

/// Counts the text of a chunk that cannot be kept. False if the chunk must be parsed.
fn skip(data: &str, draft: &mut Draft) -> bool {
    // Whatever is no text, or not the next piece of the only candidate's.
    const NOTEWORTHY: [&str; 9] = [
        "codeExecutionResult",
        "error",
        "executableCode",
        "fileData",
        "finishReason",
        "functionCall",
        "functionResponse",
        "inlineData",
        "promptFeedback",
    ];
    if !draft.is_full() {
        return false;
    }
    let (mut parts, mut texts, mut chars) = (0, 0, None);
    let (mut is_thought, mut has_usage) = (false, false);
    let can_be_skipped = look(data, |name, value| {
        match name {
            "parts" => parts += 1,
            "text" => {
                texts += 1;
                chars = value.chars();
            }
            "index" => return value.is("0"),
            "thought" => is_thought = value.is("true"),
            "usageMetadata" => has_usage = true,
            _ => return !NOTEWORTHY.contains(&name) || value.is_empty(),
        }
        true
    });
    let Some(chars) = chars.filter(|_| can_be_skipped && parts == 1 && texts == 1) else {
        return false;
    };
    // Each chunk repeats the usage so far.
    if has_usage && !draft.defer(data) {
        return false;
    }
    // Nothing is kept of thoughts, not even their length.
    draft.output.skip(0, if is_thought { 0 } else { chars });
    true
}

/// Reads the members of a response or of a chunk.
fn read_members(mut member: impl FnMut(&str) -> Value, ends: &mut Ends, draft: &mut Draft) {
    draft.identity(
        member("responseId").as_str(),
        member("modelVersion").as_str(),
    );
    draft.fail_of(&serde_json::json!({ "error": member("error") }));
    read_usage(&member("usageMetadata"), draft);
    let candidates = member("candidates");
    for (place, candidate) in (0..).zip(candidates.as_array().into_iter().flatten()) {
        read_candidate(place, candidate, ends, draft);
    }
    let feedback = member("promptFeedback");
    if let Some(reason) = text(&feedback, "blockReason") {
        let message = text(&feedback, "blockReasonMessage").unwrap_or_default();
        let said = format!("the prompt was blocked: {reason}. {message}");
        draft.call.refusal = Some(Failure::new(reason, said.trim_end()).message);
    }
}

fn read_usage(usage: &Value, draft: &mut Draft) {
    if let Some(tier) = usage.get("serviceTier") {
        draft.service_tier(tier);
    }
    let names = [
        "promptTokenCount",
        "toolUsePromptTokenCount",
        "cachedContentTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "totalTokenCount",
    ];
    if let Some(usage) = buckets(usage, names) {
        draft.usage(usage);
    }
}

fn read_candidate(place: u64, candidate: &Value, ends: &mut Ends, draft: &mut Draft) {
    let index = candidate
        .get("index")
        .and_then(Value::as_u64)
        .unwrap_or(place);
    let parts = candidate
        .pointer("/content/parts")
        .and_then(Value::as_array);
    for part in parts.into_iter().flatten() {
        read_part(index, part, draft);
    }
    let reason = candidate.get("finishReason").and_then(finish_reason);
    let is_new = ends.see(index, reason.as_deref(), draft);
    if let Some(reason) = reason.filter(|_| is_new) {
        draft.output.one_more_finish(index, &reason);
    }
}

fn finish_reason(reason: &Value) -> Option<String> {
    match reason {
        Value::String(reason) if !reason.is_empty() => Some(reason.to_ascii_lowercase()),
        // Some clients ask for the numbers of the enumeration.
        Value::Number(number) => {
            const KNOWN: [&str; 6] = [
                "unspecified",
                "stop",
                "max_tokens",
                "safety",
                "recitation",
                "other",
            ];
            let place = number
                .as_u64()
                .and_then(|number| usize::try_from(number).ok());
            let known = place.and_then(|place| KNOWN.get(place));
            Some(known.map_or_else(|| number.to_string(), ToString::to_string))
        }
        _ => None,
    }
}

fn read_part(index: u64, part: &Value, draft: &mut Draft) {
    draft.has_content = true;
    if part.get("thought") == Some(&Value::Bool(true)) {
        return;
    }
    if let Some(piece) = text(part, "text") {
        draft.output.text(index, piece);
    }
    if let Some(call) = part.get("functionCall") {
        let arguments = call.get("args").map(Value::to_string).unwrap_or_default();
        let name = text(call, "name").unwrap_or_default();
        let number = draft.output.next_tool_number(index);
        draft
            .output
            .tool_call(index, number, text(call, "id"), name, &arguments);
    }
    if let Some(media) = part.get("inlineData") {
        let kind = text(media, "mimeType").unwrap_or("media");
        draft.output.text(index, &format!("[{kind}]"));
    }
}
