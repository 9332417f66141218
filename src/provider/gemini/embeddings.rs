//! `embedContent`, `batchEmbedContents`, and `predict` of Vertex AI's embedding models.

use serde_json::Value;

use super::buckets;
use crate::{
    observation::Usage,
    provider::{
        decode::Event,
        extract::{Draft, Extract},
        fields::{Fields, count, text},
        input::Input,
        vectors,
    },
};

/// Reads embeddings.
#[derive(Debug, Default)]
pub(in crate::provider) struct EmbedExtractor;

impl Extract for EmbedExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, draft: &mut Draft) {
        draft.call.parameters.add_of(request, "parameters");
        let mut texts = Vec::new();
        if let content @ Value::Object(_) = request.value("content") {
            texts.push(text_of(&content));
        }
        for item in request.items("requests") {
            if let Some(item) = Fields::parse(item.get().as_bytes()) {
                texts.push(text_of(&item.value("content")));
            }
        }
        for item in request.items("instances") {
            if let Some(item) = Fields::parse(item.get().as_bytes()) {
                texts.push(item.value("content"));
            }
        }
        input.texts(Value::Array(texts));
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        draft.fail_of(&serde_json::json!({ "error": response.value("error") }));
        vectors::summarise(response.raw("embedding").as_slice(), draft);
        vectors::summarise(&response.items("embeddings"), draft);
        let predictions = response.items("predictions");
        vectors::summarise(&predictions, draft);
        let names = ["promptTokenCount", "", "", "", "", "totalTokenCount"];
        if let Some(usage) = buckets(&response.value("usageMetadata"), names) {
            draft.usage(usage);
        } else if !predictions.is_empty() {
            let mut counts = predictions.iter().map(|item| tokens_of(item.get()));
            let sum = counts.try_fold(0_u64, |sum, tokens| Some(sum.saturating_add(tokens?)));
            if let Some(tokens) = sum {
                draft.usage(Usage::new().input(tokens).total(tokens));
            }
        }
    }

    fn event(&mut self, _: Event<'_>, _: &mut Draft) {}
}

/// The texts of a content's parts, joined: they become one vector.
fn text_of(content: &Value) -> Value {
    let parts = content.get("parts").and_then(Value::as_array);
    let texts = parts
        .into_iter()
        .flatten()
        .filter_map(|part| text(part, "text"));
    Value::String(texts.collect::<Vec<_>>().join("\n"))
}

/// The tokens of the text that became this prediction.
fn tokens_of(prediction: &str) -> Option<u64> {
    let prediction = Fields::parse(prediction.as_bytes())?;
    let embeddings = Fields::parse(prediction.raw("embeddings")?.get().as_bytes())?;
    count(embeddings.value("statistics").get("token_count")?)
}
