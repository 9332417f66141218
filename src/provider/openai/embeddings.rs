//! Embeddings: counts and dimensions, never vectors.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json, value::RawValue};

use super::usage::read_usage;
use crate::{
    observation::Content,
    provider::{
        decode::Event,
        extract::{Draft, Extract},
        failure::Failure,
        fields::Fields,
        input::Input,
    },
};

/// Reads embeddings.
#[derive(Debug)]
pub(in crate::provider) struct EmbeddingExtractor {
    content: Content,
}

impl EmbeddingExtractor {
    pub(in crate::provider) fn new(content: Content) -> Self {
        Self { content }
    }
}

impl Extract for EmbeddingExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, _: &mut Draft) {
        let texts = match request.value("input") {
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
                    input.counts.chars += text.chars().count();
                }
                text @ (Value::String(_) | Value::Object(_)) => input.message(text),
                // A text may come as an array of token numbers: one input, not many.
                Value::Number(_) => {
                    tokens = true;
                    continue;
                }
                _ => {}
            }
            messages += 1;
        }
        input.counts.messages = messages + usize::from(tokens);
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        draft.identity(
            response.text("id").as_deref(),
            response.text("model").as_deref(),
        );
        let envelope = json!({ "error": response.value("error") });
        if let Some(failure) = Failure::of_envelope(&envelope, None) {
            draft.fail(failure);
        }
        let usage = response.value("usage");
        if usage.is_object() {
            read_usage(&usage, draft);
        }
        let vectors = response.items("data");
        if let Some(first) = vectors.first() {
            draft.has_content = true;
            draft.output.summarise(json!({
                "embeddings": vectors.len(),
                "dimensions": dimensions(first),
            }));
        }
    }

    fn event(&mut self, _: Event<'_>, _: &mut Draft) {}
}

/// The length of a vector, which may be numbers or 32-bit floats in base 64.
fn dimensions(item: &RawValue) -> Option<usize> {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        embedding: &'a RawValue,
    }
    let item: Item<'_> = serde_json::from_str(item.get()).ok()?;
    let vector = item.embedding.get();
    if let Some(encoded) = vector.strip_prefix('"') {
        let digits = encoded.trim_end_matches(['"', '=']).len();
        return Some(digits * 3 / 16);
    }
    serde_json::from_str::<Vec<IgnoredAny>>(vector)
        .ok()
        .map(|vector| vector.len())
}
