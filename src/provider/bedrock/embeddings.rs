//! Embedding models inside of `InvokeModel`: Titan, Cohere and Nova.

use super::usage::Counts;
use crate::{
    observation::Usage,
    provider::{
        decode::Event,
        extract::{Draft, Extract, Header},
        fields::{Fields, count},
        input::Input,
        vectors,
    },
};

/// Reads embeddings.
#[derive(Debug, Default)]
pub(in crate::provider) struct EmbedExtractor {
    /// What the headers say, for bodies without usage.
    counted: Counts,
}

impl Extract for EmbedExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, draft: &mut Draft) {
        draft
            .call
            .parameters
            .add_of(request, "singleEmbeddingParams");
        let texts = ["inputText", "texts"]
            .into_iter()
            .map(|name| request.value(name))
            .find(|texts| !texts.is_null());
        let nova = request.value("singleEmbeddingParams");
        let texts = texts.or_else(|| nova.pointer("/text/value").cloned());
        input.texts(texts.unwrap_or_default());
        input.counts.images += request.items("images").len();
    }

    fn head(&mut self, header: Header<'_>, _: &mut Draft) {
        self.counted = Counts::of_headers(header);
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        draft.identity(response.text("id").as_deref(), None);
        vectors::summarise(response.raw("embedding").as_slice(), draft);
        vectors::summarise(&response.items("embeddings"), draft);
        // Cohere gives one list for each type of number that was asked for.
        let by_type = response.raw("embeddings");
        if let Some(by_type) = by_type.and_then(|raw| Fields::parse(raw.get().as_bytes())) {
            for (kind, _) in by_type.iter() {
                vectors::summarise(&by_type.items(kind), draft);
            }
        }
        let tokens = count(&response.value("inputTextTokenCount")).or(self.counted.input);
        if let Some(tokens) = tokens {
            draft.usage(Usage::new().input(tokens).total(tokens));
        }
    }

    fn event(&mut self, _: Event<'_>, _: &mut Draft) {}
}
