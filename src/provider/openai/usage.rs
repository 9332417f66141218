//! Token counts and cost, in every variant that speakers of OpenAI's protocol send.

use serde_json::Value;

use crate::{
    observation::Usage,
    provider::{call::has_reasoning_price, extract::Draft, fields::count},
};

/// Reads a `usage` object into the draft. One without any count changes nothing.
pub(super) fn read_usage(usage: &Value, draft: &mut Draft) {
    let call = &draft.call;
    let model = call.model().unwrap_or_default();
    let asked = call.request_model.as_deref().unwrap_or_default();
    let prices = Prices {
        audio: model.contains("audio") || model.contains("realtime"),
        reasoning: [model, asked]
            .iter()
            .all(|model| has_reasoning_price(&call.provider, model)),
    };
    if let Some(buckets) = buckets(usage, prices) {
        draft.usage(buckets);
        let thoughts = reasoning(usage).filter(|tokens| !prices.reasoning && *tokens > 0);
        draft.call.thinking_tokens = thoughts.or(draft.call.thinking_tokens);
    }
    let cost = usage.get("cost");
    if let Some(cost) = cost.and_then(|cost| cost.get("total_cost").unwrap_or(cost).as_f64()) {
        draft.call.cost = Some(cost);
    }
    if let Some(tier) = usage.get("service_tier") {
        draft.service_tier(tier);
    }
}

/// What has a price of its own.
#[derive(Clone, Copy)]
struct Prices {
    audio: bool,
    reasoning: bool,
}

/// The tokens that were reasoned.
fn reasoning(usage: &Value) -> Option<u64> {
    [
        "/completion_tokens_details/reasoning_tokens",
        "/output_tokens_details/reasoning_tokens",
        "/reasoning_tokens",
    ]
    .iter()
    .find_map(|pointer| usage.pointer(pointer).and_then(count))
}

/// The disjoint buckets of a `usage` object.
fn buckets(usage: &Value, prices: Prices) -> Option<Usage> {
    let at = |pointer: &str| usage.pointer(pointer).and_then(count);
    let first = |pointers: &[&str]| pointers.iter().find_map(|pointer| at(pointer));

    let total = at("/total_tokens");
    let output = first(&["/completion_tokens", "/output_tokens"]);
    let input = first(&["/prompt_tokens", "/input_tokens"])
        .or_else(|| Some(total?.saturating_sub(output.unwrap_or_default())))?;
    let cached = first(&[
        "/prompt_tokens_details/cached_tokens",
        "/input_tokens_details/cached_tokens",
        "/prompt_cache_hit_tokens",
        "/num_cached_tokens",
        "/cached_tokens",
    ])
    .unwrap_or_default();
    let written = first(&[
        "/prompt_tokens_details/cache_write_tokens",
        "/input_tokens_details/cache_write_tokens",
    ])
    .unwrap_or_default();
    let reasoning = reasoning(usage).unwrap_or_default();

    let mut rest = input.saturating_sub(cached).saturating_sub(written);
    let mut buckets = Usage::new();
    let audio_in = first(&[
        "/prompt_tokens_details/audio_tokens",
        "/input_tokens_details/audio_tokens",
    ]);
    if let (true, Some(audio)) = (prices.audio, audio_in) {
        let audio = audio.min(rest);
        rest -= audio;
        buckets = buckets
            .with("input_text_tokens", rest)
            .with("input_audio_tokens", audio);
    } else {
        buckets = buckets.input(rest);
    }
    if cached > 0 {
        buckets = buckets.with("input_cached_tokens", cached);
    }
    if written > 0 {
        buckets = buckets.with("input_cache_creation", written);
    }
    if let Some(output) = output {
        // Some count reasoning beside the completion: then only the total tells.
        let sum = input.saturating_add(output).saturating_add(reasoning);
        let beside = total.is_some_and(|total| total >= sum);
        let mut rest = match (beside, prices.reasoning) {
            (true, true) | (false, false) => output,
            (true, false) => output.saturating_add(reasoning),
            (false, true) => output.saturating_sub(reasoning),
        };
        let audio_out = at("/completion_tokens_details/audio_tokens");
        if let (true, Some(audio)) = (prices.audio, audio_out) {
            let audio = audio.min(rest);
            rest -= audio;
            buckets = buckets
                .with("output_text_tokens", rest)
                .with("output_audio_tokens", audio);
        } else {
            buckets = buckets.output(rest);
        }
        if reasoning > 0 && prices.reasoning {
            buckets = buckets.with("output_reasoning_tokens", reasoning);
        }
    }
    Some(match total {
        Some(total) => buckets.total(total),
        None => buckets,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAIN: Prices = Prices {
        audio: false,
        reasoning: true,
    };

    fn read(usage: &Value) -> String {
        serde_json::to_string(&buckets(usage, PLAIN)).unwrap_or_default()
    }

    #[test]
    fn cached_and_reasoning_tokens_leave_their_totals() {
        let usage = json!({
            "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": { "cached_tokens": 30, "cache_write_tokens": 20 },
            "completion_tokens_details": { "reasoning_tokens": 40 },
        });
        assert_eq!(
            read(&usage),
            r#"{"input":50,"input_cached_tokens":30,"input_cache_creation":20,"output":10,"output_reasoning_tokens":40,"total":150}"#
        );
    }

    #[test]
    fn counts_that_contradict_each_other_never_go_below_zero() {
        let usage = json!({
            "input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
            "input_tokens_details": { "cached_tokens": 5 },
            "output_tokens_details": { "reasoning_tokens": 5 },
        });
        assert_eq!(
            read(&usage),
            r#"{"input":0,"input_cached_tokens":5,"output":0,"output_reasoning_tokens":5,"total":2}"#
        );
    }

    #[test]
    fn reasoning_beside_the_completion_is_not_taken_from_it() {
        let usage = json!({
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 35,
            "completion_tokens_details": { "reasoning_tokens": 20 },
        });
        assert_eq!(
            read(&usage),
            r#"{"input":10,"output":5,"output_reasoning_tokens":20,"total":35}"#
        );
    }

    #[test]
    fn audio_models_are_split_by_modality() {
        const AUDIO: Prices = Prices {
            audio: true,
            ..PLAIN
        };
        let usage = json!({
            "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": { "audio_tokens": 60 },
            "completion_tokens_details": { "audio_tokens": 45 },
        });
        let split = serde_json::to_string(&buckets(&usage, AUDIO)).unwrap_or_default();
        assert_eq!(
            split,
            r#"{"input_text_tokens":40,"input_audio_tokens":60,"output_text_tokens":5,"output_audio_tokens":45,"total":150}"#
        );
    }

    #[test]
    fn reasoning_without_a_price_stays_in_the_output() {
        let unpriced = Prices {
            reasoning: false,
            ..PLAIN
        };
        let read = |total: u64| {
            let usage = json!({
                "prompt_tokens": 10, "completion_tokens": 500, "total_tokens": total,
                "completion_tokens_details": { "reasoning_tokens": 400 },
            });
            serde_json::to_string(&buckets(&usage, unpriced)).unwrap_or_default()
        };
        assert_eq!(read(510), r#"{"input":10,"output":500,"total":510}"#);
        assert_eq!(read(910), r#"{"input":10,"output":900,"total":910}"#);
    }

    #[test]
    fn counts_beyond_measure_do_not_overflow() {
        let usage = json!({
            "prompt_tokens": u64::MAX, "completion_tokens": u64::MAX, "total_tokens": u64::MAX,
            "completion_tokens_details": { "reasoning_tokens": u64::MAX },
        });
        let read = buckets(&usage, PLAIN);
        assert_eq!(
            read.and_then(|usage| usage.sum_of("output")),
            Some(u64::MAX)
        );
    }

    #[test]
    fn an_object_without_counts_is_no_usage() {
        assert_eq!(buckets(&json!({}), PLAIN), None);
        assert_eq!(buckets(&json!({ "prompt_tokens": null }), PLAIN), None);
    }
}
