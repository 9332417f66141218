//! Embeddings: counts and dimensions, never vectors.

use super::usage::read_usage;
use crate::provider::{
    decode::Event,
    extract::{Draft, Extract},
    fields::Fields,
    input::Input,
    vectors,
};

/// Reads embeddings.
#[derive(Debug)]
pub(in crate::provider) struct EmbeddingExtractor;

impl Extract for EmbeddingExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, _: &mut Draft) {
        input.texts(request.value("input"));
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        draft.identity(
            response.text("id").as_deref(),
            response.text("model").as_deref(),
        );
        draft.fail_of(&serde_json::json!({ "error": response.value("error") }));
        let usage = response.value("usage");
        if usage.is_object() {
            read_usage(&usage, draft);
        }
        vectors::summarise(&response.items("data"), draft);
    }

    fn event(&mut self, _: Event<'_>, _: &mut Draft) {}
}
