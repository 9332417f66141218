//! Token counts in the words of the conventions, and the buckets of Langfuse, of which no two
//! overlap.

use opentelemetry::KeyValue;

use super::number;
use crate::{observation::Usage, provider::call::has_reasoning_price};

/// The names of a count, newest first.
type Names = &'static [&'static str];

/// All input tokens, cached ones included.
const INPUT: Names = &["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"];
/// All output tokens, reasoning included.
const OUTPUT: Names = &[
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
];
const CACHE_READ: Names = &[
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.input_tokens.cached",
    "gen_ai.usage.cached_input_tokens",
];
const CACHE_WRITE: Names = &[
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
];
const REASONING: Names = &[
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.output_tokens.reasoning",
];
const TOTAL: Names = &["gen_ai.usage.total_tokens", "llm.usage.total_tokens"];

/// Counts in the words of other conventions, which the server reads by itself.
const FOREIGN: Names = &["ai.usage.", "llm.token_count.", "llm.usage."];

/// Whether there is any count.
pub(super) fn is_said(attributes: &[KeyValue]) -> bool {
    first(attributes, INPUT).is_some() || first(attributes, OUTPUT).is_some()
}

/// Whether a key names a count or a cost.
pub(super) fn is_usage(key: &str) -> bool {
    key.starts_with("gen_ai.usage.") || FOREIGN.iter().any(|prefix| key.starts_with(prefix))
}

/// Whether counts come in the words of other conventions.
pub(super) fn has_foreign(attributes: &[KeyValue]) -> bool {
    attributes.iter().any(|attribute| {
        let key = attribute.key.as_str();
        FOREIGN.iter().any(|prefix| key.starts_with(prefix))
    })
}

/// The buckets as JSON. `None` if nothing was counted.
pub(super) fn buckets(attributes: &[KeyValue], provider: &str, model: &str) -> Option<String> {
    let at = |names| first(attributes, names);
    let (input, output) = (at(INPUT), at(OUTPUT));
    if input.is_none() && output.is_none() {
        return None;
    }
    let cached = at(CACHE_READ).unwrap_or_default();
    let written = at(CACHE_WRITE).unwrap_or_default();
    let mut usage = Usage::new();
    if let Some(input) = input {
        let inside = cached.saturating_add(written);
        // Some count what was cached beside the input, as Anthropic's API does.
        let rest = if inside > input {
            input
        } else {
            input - inside
        };
        usage = usage.input(rest);
    }
    for (bucket, tokens) in [
        ("input_cached_tokens", cached),
        ("input_cache_creation", written),
    ] {
        if tokens > 0 {
            usage = usage.with(bucket, tokens);
        }
    }
    if let Some(output) = output {
        let has_price = has_reasoning_price(provider, model);
        let reasoning = at(REASONING).filter(|_| has_price).unwrap_or_default();
        let beside = reasoning > output;
        usage = usage.output(if beside { output } else { output - reasoning });
        if reasoning > 0 {
            usage = usage.with("output_reasoning_tokens", reasoning);
        }
    }
    if let Some(total) = at(TOTAL) {
        usage = usage.total(total);
    }
    serde_json::to_string(&usage).ok()
}

fn first(attributes: &[KeyValue], names: Names) -> Option<u64> {
    let found = names.iter().find_map(|name| number(attributes, name))?;
    u64::try_from(found).ok()
}
