//! Anthropic's messages, wherever they are served: by Anthropic, Vertex AI, Bedrock or a gateway.

use serde_json::Value;

use super::{
    decode::Event,
    delta::look,
    extract::{Draft, Extract},
    failure::Failure,
    fields::{Fields, count, text},
    input::Input,
};
use crate::observation::Usage;

/// Reads messages.
#[derive(Debug, Default)]
pub(super) struct MessageExtractor {
    usage: RunningUsage,
    /// Keep the provider's own words for why it stopped, as Bedrock's users know them.
    own_words: bool,
}

impl MessageExtractor {
    /// Reads messages that Bedrock passes on.
    pub(super) fn of_bedrock() -> Self {
        Self {
            own_words: true,
            ..Self::default()
        }
    }

    fn read_message(&mut self, mut member: impl FnMut(&str) -> Value, draft: &mut Draft) {
        draft.identity(member("id").as_str(), member("model").as_str());
        self.read_usage(&member("usage"), draft);
        for (index, block) in (0..).zip(member("content").as_array().into_iter().flatten()) {
            begin_block(index, block, draft);
        }
        self.read_stop(member, draft);
    }

    fn read_stop(&self, mut member: impl FnMut(&str) -> Value, draft: &mut Draft) {
        let reason = member("stop_reason");
        let Some(reason) = reason.as_str() else {
            return;
        };
        let word = if self.own_words {
            reason
        } else {
            finish_reason(reason)
        };
        draft.output.finish_reason(0, word);
        if reason == "refusal" {
            let details = member("stop_details");
            let explanation = text(&details, "explanation").or_else(|| text(&details, "category"));
            let said = explanation.map_or_else(
                || "the model refused to answer".to_owned(),
                |why| format!("the model refused to answer: {why}"),
            );
            draft.call.refusal = Some(Failure::new(reason, &said).message);
        }
    }

    /// Each report of usage is the total so far, but it may leave out what did not change.
    fn read_usage(&mut self, usage: &Value, draft: &mut Draft) {
        if !usage.is_object() {
            return;
        }
        self.usage.merge(usage);
        draft.usage(self.usage.buckets());
        if let Some(tier) = usage.get("service_tier") {
            draft.service_tier(tier);
        }
        if let Some(cost) = usage.get("cost").and_then(Value::as_f64) {
            draft.call.cost = Some(cost);
        }
        let thinking = usage.pointer("/output_tokens_details/thinking_tokens");
        if let Some(tokens) = thinking.and_then(count).filter(|tokens| *tokens > 0) {
            draft.call.thinking_tokens = Some(tokens);
        }
        for (note, pointer) in [
            (
                "web_search_requests",
                "/server_tool_use/web_search_requests",
            ),
            ("web_fetch_requests", "/server_tool_use/web_fetch_requests"),
        ] {
            if let Some(count) = usage.pointer(pointer).and_then(count).filter(|n| *n > 0) {
                draft.call.note(note, count);
            }
        }
    }
}

impl Extract for MessageExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, _: &mut Draft) {
        input.instructions(&request.value("system"));
        for message in request.items("messages") {
            if let Ok(message) = serde_json::from_str(message.get()) {
                input.message(message);
            }
        }
        input.tools(request.items("tools"));
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        if response.text("type").as_deref() == Some("error") {
            draft.fail_of(&serde_json::json!({ "error": response.value("error") }));
        }
        self.read_message(|name| response.value(name), draft);
    }

    fn event(&mut self, event: Event<'_>, draft: &mut Draft) {
        if skip(event.data, draft) {
            return;
        }
        if let Some(event) = event.json() {
            self.read_event(&event, draft);
        }
    }
}

impl MessageExtractor {
    /// Reads an event by its type.
    pub(super) fn read_event(&mut self, event: &Value, draft: &mut Draft) {
        let index = event
            .get("index")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        match text(event, "type") {
            Some("message_start") => {
                let message = event.get("message").unwrap_or(&Value::Null);
                let member = |name: &str| message.get(name).cloned().unwrap_or_default();
                self.read_message(member, draft);
            }
            Some("content_block_start") => {
                if let Some(block) = event.get("content_block") {
                    begin_block(index, block, draft);
                }
            }
            Some("content_block_delta") => {
                if let Some(delta) = event.get("delta") {
                    read_delta(index, delta, draft);
                }
            }
            Some("message_delta") => {
                self.read_usage(event.get("usage").unwrap_or(&Value::Null), draft);
                let delta = event.get("delta").unwrap_or(&Value::Null);
                self.read_stop(|name| delta.get(name).cloned().unwrap_or_default(), draft);
            }
            Some("message_stop") => draft.done = true,
            Some("error") => {
                let failure = Failure::of_envelope(event, None);
                draft.fail(failure.unwrap_or_else(|| Failure::new("error", "")));
                draft.done = true;
            }
            _ => {}
        }
    }
}

/// Counts the text of a delta that cannot be kept. False if the event must be parsed.
pub(super) fn skip(data: &str, draft: &mut Draft) -> bool {
    if !draft.is_full() {
        return false;
    }
    let (mut is_delta, mut is_text, mut chars) = (false, false, None);
    let can_be_skipped = look(data, |name, value| match name {
        "type" if value.is("\"content_block_delta\"") => {
            is_delta = true;
            true
        }
        "type" => {
            is_text = value.is("\"text_delta\"");
            // Nothing is kept of thoughts, not even their length.
            is_text || value.is("\"thinking_delta\"") || value.is("\"signature_delta\"")
        }
        "text" => {
            chars = value.chars();
            true
        }
        name => name != "amazon-bedrock-invocationMetrics",
    });
    if !can_be_skipped || !is_delta || is_text && chars.is_none() {
        return false;
    }
    draft
        .output
        .skip(0, chars.filter(|_| is_text).unwrap_or_default());
    true
}

/// Reads a block of content that is whole, or the beginning of one.
fn begin_block(index: u64, block: &Value, draft: &mut Draft) {
    match text(block, "type") {
        Some("text") => {
            if let Some(piece) = text(block, "text") {
                draft.has_content = true;
                draft.output.text(0, piece);
            }
        }
        Some("tool_use" | "server_tool_use" | "mcp_tool_use") => {
            draft.has_content = true;
            // A stream begins with an empty object and sends the arguments as deltas.
            let arguments = match block.get("input") {
                Some(Value::Object(members)) if members.is_empty() => String::new(),
                Some(Value::Null) | None => String::new(),
                Some(input) => input.to_string(),
            };
            let name = text(block, "name").unwrap_or_default();
            draft
                .output
                .tool_call(0, index, text(block, "id"), name, &arguments);
        }
        Some("thinking" | "redacted_thinking") => {
            draft.has_content |= text(block, "thinking").is_some();
        }
        _ => {}
    }
}

fn read_delta(index: u64, delta: &Value, draft: &mut Draft) {
    match text(delta, "type") {
        Some("text_delta") => {
            if let Some(piece) = text(delta, "text") {
                draft.has_content = true;
                draft.output.text(0, piece);
            }
        }
        Some("input_json_delta") => {
            if let Some(piece) = text(delta, "partial_json") {
                draft.has_content = true;
                draft.output.tool_call(0, index, None, "", piece);
            }
        }
        Some("thinking_delta") => draft.has_content |= text(delta, "thinking").is_some(),
        _ => {}
    }
}

/// OpenTelemetry's word for why a message ended.
fn finish_reason(reason: &str) -> &str {
    match reason {
        "end_turn" | "stop_sequence" => "stop",
        "max_tokens" => "length",
        "tool_use" => "tool_call",
        reason => reason,
    }
}

/// The token counts so far.
#[derive(Debug, Default)]
struct RunningUsage {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_creation: Option<u64>,
    cache_creation_5m: Option<u64>,
    cache_creation_1h: Option<u64>,
}

impl RunningUsage {
    fn merge(&mut self, usage: &Value) {
        for (known, pointer) in [
            (&mut self.input, "/input_tokens"),
            (&mut self.output, "/output_tokens"),
            (&mut self.cache_read, "/cache_read_input_tokens"),
            (&mut self.cache_creation, "/cache_creation_input_tokens"),
            (
                &mut self.cache_creation_5m,
                "/cache_creation/ephemeral_5m_input_tokens",
            ),
            (
                &mut self.cache_creation_1h,
                "/cache_creation/ephemeral_1h_input_tokens",
            ),
        ] {
            *known = usage.pointer(pointer).and_then(count).or(*known);
        }
    }

    /// Thinking stays inside of the output: it has no price of its own.
    fn buckets(&self) -> Usage {
        let mut total = 0_u64;
        let mut usage = Usage::new();
        let short = self.cache_creation_5m.unwrap_or_default();
        let long = self.cache_creation_1h.unwrap_or_default();
        let created = self.cache_creation.unwrap_or_default();
        let creation_rest = created.saturating_sub(short.saturating_add(long));
        for (bucket, tokens, even_zero) in [
            ("input", self.input, true),
            ("input_cached_tokens", self.cache_read, false),
            ("input_cache_creation_5m", Some(short), false),
            ("input_cache_creation_1h", Some(long), false),
            ("input_cache_creation", Some(creation_rest), false),
            ("output", self.output, true),
        ] {
            if let Some(tokens) = tokens.filter(|tokens| even_zero || *tokens > 0) {
                total = total.saturating_add(tokens);
                usage = usage.with(bucket, tokens);
            }
        }
        usage.total(total)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_count_of_each_kind_wins_and_none_is_added_up() {
        let mut usage = RunningUsage::default();
        usage.merge(&json!({
            "input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 9,
            "cache_creation": { "ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4 },
        }));
        usage.merge(&json!({ "input_tokens": 20, "output_tokens": 30, "cache_creation": null }));
        let json = serde_json::to_string(&usage.buckets()).unwrap();
        assert_eq!(
            json,
            r#"{"input":20,"input_cached_tokens":5,"input_cache_creation_5m":3,"input_cache_creation_1h":4,"input_cache_creation":2,"output":30,"total":64}"#
        );
    }
}
