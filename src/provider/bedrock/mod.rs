//! Amazon Bedrock: its own Converse API, and the bodies of vendors inside of `InvokeModel`.

mod converse;
mod embeddings;
mod invoke;
mod usage;

pub(super) use converse::ConverseExtractor;
pub(super) use embeddings::EmbedExtractor;
pub(super) use invoke::InvokeExtractor;
