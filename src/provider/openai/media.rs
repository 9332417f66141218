//! Speech, transcriptions and images: model, parameters and tokens, but no content.

use serde_json::Value;

use super::usage::read_usage;
use crate::provider::{
    decode::Event,
    extract::{Draft, Extract},
    fields::Fields,
    input::Input,
};

/// Reads the calls whose input or output are media.
#[derive(Debug)]
pub(in crate::provider) struct MediaExtractor;

impl Extract for MediaExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, _: &mut Draft) {
        for name in ["prompt", "input"] {
            let text = request.text(name).unwrap_or_default();
            input.counts.chars += text.chars().count();
        }
        input.counts.images += request.items("images").len();
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        draft.fail_of(&serde_json::json!({ "error": response.value("error") }));
        draft.has_content = true;
        read_tokens(&response.value("usage"), draft);
        let images = response.items("data").len();
        if images > 0 {
            draft.call.note("images", images);
        }
        if let Some(seconds) = response.value("duration").as_f64() {
            draft.call.note("seconds", seconds);
        }
    }

    fn event(&mut self, event: Event<'_>, draft: &mut Draft) {
        draft.has_content = true;
        // Pictures and sounds come in pieces; only the last event counts.
        if !event.data.contains("\"usage\"") && !event.data.contains("\"error\"") {
            return;
        }
        let Some(event) = event.json() else { return };
        draft.fail_of(&serde_json::json!({ "error": event.get("error") }));
        read_tokens(event.get("usage").unwrap_or(&Value::Null), draft);
        draft.done |= draft.has_usage || draft.call.failure.is_some();
    }
}

/// Some models are paid by the second.
fn read_tokens(usage: &Value, draft: &mut Draft) {
    if let Some(seconds) = usage.get("seconds").and_then(Value::as_f64) {
        draft.call.note("seconds", seconds);
    } else if usage.is_object() {
        read_usage(usage, draft);
    }
}
