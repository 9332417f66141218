//! An async-openai client that observes itself.
//!
//! Every call of [`client()`] becomes a generation (or an embedding) inside of the observation
//! that is current when the call is made: model, parameters, tokens, a preview of input and
//! output, the time of the first token, errors and attempts. The response passes through frame by
//! frame, untouched and undelayed.
//!
//! ```
//! use warmspan::openai::async_openai::{
//!     error::OpenAIError,
//!     types::responses::CreateResponseArgs,
//! };
//!
//! async fn answer(question: &str) -> Result<Option<String>, OpenAIError> {
//!     let request = CreateResponseArgs::default().model("gpt-5-mini").input(question).build()?;
//!     let response = warmspan::openai::client().responses().create(request).await?;
//!     Ok(response.output_text())
//! }
//! ```
//!
//! Azure, Groq, Mistral, DeepSeek, OpenRouter and everyone else who speaks OpenAI's protocol:
//! [`client_with`] and their base URL. For a client of your own with its own layers: [`layer()`].

mod chat;
mod completions;
mod embeddings;
mod media;
mod responses;
mod usage;

#[cfg(feature = "openai")]
mod client;
#[cfg(feature = "openai")]
mod error;
#[cfg(feature = "openai")]
mod layer;
#[cfg(feature = "openai")]
mod service;

#[cfg(any(feature = "openai", feature = "reqwest-middleware"))]
pub(super) use chat::with_include_usage;
pub(super) use chat::{ChatExtractor, read_members};
pub(super) use completions::CompletionExtractor;
pub(super) use embeddings::EmbeddingExtractor;
pub(super) use media::MediaExtractor;
pub(super) use responses::ResponseExtractor;

#[cfg(feature = "openai")]
pub use self::{
    client::{client, client_with},
    layer::{ObserveLayer, layer},
    service::{Observe, ObserveFuture},
};
#[cfg(feature = "openai")]
pub use async_openai;
