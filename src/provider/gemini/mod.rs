//! Gemini's APIs, of the Developer API and of Vertex AI.

mod embeddings;
mod generate;
mod interactions;

pub(super) use embeddings::EmbedExtractor;
pub(super) use generate::GenerateExtractor;
pub(super) use interactions::InteractionExtractor;

use super::{fields::count, input::Input};
use crate::observation::Usage;
use serde_json::Value;

/// The disjoint buckets of a usage object, from the names that an API gives to its counts.
/// Thoughts stand beside the candidates, and what a tool found is a prompt of its own.
fn buckets(usage: &Value, names: [&str; 6]) -> Option<Usage> {
    let at = |name: &str| usage.get(name).and_then(count);
    let [prompt, tool_prompt, cached, output, thoughts, total] = names.map(at);
    let (cached, thoughts) = (cached.unwrap_or_default(), thoughts.unwrap_or_default());
    if [prompt, output, total].iter().all(Option::is_none) {
        return None;
    }
    let mut buckets = Usage::new();
    if prompt.is_some() || tool_prompt.is_some() {
        let rest = prompt.unwrap_or_default().saturating_sub(cached);
        buckets = buckets.input(rest.saturating_add(tool_prompt.unwrap_or_default()));
    }
    if cached > 0 {
        buckets = buckets.with("input_cached_tokens", cached);
    }
    if let Some(output) = output {
        buckets = buckets.output(output);
    }
    if thoughts > 0 {
        buckets = buckets.with("output_reasoning_tokens", thoughts);
    }
    Some(match total {
        Some(total) => buckets.total(total),
        None => buckets,
    })
}

/// Adds a message in Gemini's form, `{role, parts}`.
fn read_content(content: &Value, input: &mut Input) {
    let role = match content.get("role").and_then(Value::as_str) {
        Some("model") => "assistant",
        Some("function") => "tool",
        _ => "user",
    };
    let parts = content.get("parts").unwrap_or(content);
    input.message(serde_json::json!({ "role": role, "content": parts }));
}
