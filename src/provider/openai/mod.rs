//! OpenAI's APIs, and everyone who speaks them.

mod chat;
mod completions;
mod delta;
mod embeddings;
mod responses;
mod usage;

pub(super) use chat::ChatExtractor;
pub(super) use completions::CompletionExtractor;
pub(super) use embeddings::EmbeddingExtractor;
pub(super) use responses::ResponseExtractor;
