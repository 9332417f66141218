//! Token counts, from a body or from the headers that Bedrock adds.

use serde_json::Value;

use crate::{
    observation::Usage,
    provider::{extract::Header, fields::count},
};

/// Token counts in which no two overlap.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) cache_read: Option<u64>,
    pub(super) cache_write: Option<u64>,
    /// The part of `cache_write` that lives for an hour.
    pub(super) cache_write_1h: Option<u64>,
}

impl Counts {
    /// Reads a `usage` object of Converse or of a Nova model.
    pub(super) fn of_converse(usage: &Value) -> Self {
        let at = |names: [&str; 2]| {
            names
                .into_iter()
                .find_map(|name| usage.get(name).and_then(count))
        };
        let details = usage.get("cacheDetails").and_then(Value::as_array);
        let of_an_hour = details
            .into_iter()
            .flatten()
            .filter(|detail| detail.get("ttl").and_then(Value::as_str) == Some("1h"))
            .filter_map(|detail| count(detail.get("inputTokens")?));
        Self {
            input: at(["inputTokens", "inputTokenCount"]),
            output: at(["outputTokens", "outputTokenCount"]),
            cache_read: at(["cacheReadInputTokens", "cacheReadInputTokenCount"]),
            cache_write: at(["cacheWriteInputTokens", "cacheWriteInputTokenCount"]),
            cache_write_1h: of_an_hour.reduce(u64::saturating_add),
        }
    }

    /// Reads the headers of a response of `InvokeModel`.
    pub(super) fn of_headers(header: Header<'_>) -> Self {
        let read = |name: &str| header(name)?.trim().parse().ok();
        Self {
            input: read("x-amzn-bedrock-input-token-count"),
            output: read("x-amzn-bedrock-output-token-count"),
            cache_read: read("x-amzn-bedrock-cache-read-input-token-count"),
            cache_write: read("x-amzn-bedrock-cache-write-input-token-count"),
            cache_write_1h: None,
        }
    }

    /// The buckets. None if nothing was counted.
    pub(super) fn buckets(self) -> Option<Usage> {
        if self.input.is_none() && self.output.is_none() {
            return None;
        }
        let of_an_hour = self.cache_write_1h.unwrap_or_default();
        let written = self.cache_write.unwrap_or_default();
        let (mut usage, mut total) = (Usage::new(), 0_u64);
        for (bucket, tokens, even_zero) in [
            ("input", self.input, true),
            ("input_cached_tokens", self.cache_read, false),
            (
                "input_cache_creation",
                Some(written.saturating_sub(of_an_hour)),
                false,
            ),
            ("input_cache_creation_1h", Some(of_an_hour), false),
            ("output", self.output, true),
        ] {
            if let Some(tokens) = tokens.filter(|tokens| even_zero || *tokens > 0) {
                total = total.saturating_add(tokens);
                usage = usage.with(bucket, tokens);
            }
        }
        Some(usage.total(total))
    }
}
