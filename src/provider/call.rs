//! What the engine knows of one model call: a plain value, free of OpenTelemetry types.

use std::{borrow::Cow, time::SystemTime};

use serde_json::Value;

use super::{failure::Failure, input::Counts, parameters::Parameters, structure::Structure};
use crate::observation::{Captured, Usage};

/// The kind of model call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Chat,
    GenerateContent,
    Responses,
    TextCompletion,
    Embeddings,
    Speech,
    Transcription,
    Image,
}

impl Operation {
    /// OpenTelemetry's name of the operation, which begins the observation's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chat | Self::Responses => "chat",
            Self::GenerateContent => "generate_content",
            Self::TextCompletion => "text_completion",
            Self::Embeddings => "embeddings",
            // The conventions have no words for these; rig has.
            Self::Speech => "audio_generation",
            Self::Transcription => "transcription",
            Self::Image => "image_generation",
        }
    }

    /// Whether the observation is an embedding rather than a generation.
    pub(crate) fn is_embedding(self) -> bool {
        matches!(self, Self::Embeddings)
    }
}

/// How the response came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By the protocol's own mark: `[DONE]`, a terminal event, or the end of a unary body.
    Protocol,
    /// The body of a stream ended without such a mark.
    Eof,
    /// The transport failed.
    Error,
    /// The caller dropped the response before its end.
    Dropped,
    /// A flush had waited for it long enough.
    Flushed,
}

/// An input or output, as far as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    Text(Captured),
    Json(Structure),
}

impl Recorded {
    /// Characters there were.
    #[cfg(test)]
    pub(crate) fn total(&self) -> usize {
        match self {
            Self::Text(text) => text.total,
            Self::Json(structure) => structure.total(),
        }
    }
}

/// One model call, with all its attempts.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The provider's name in the vocabulary of OpenTelemetry.
    pub(crate) provider: Cow<'static, str>,
    pub(crate) operation: Operation,
    pub(crate) request_model: Option<String>,
    pub(crate) response_model: Option<String>,
    pub(crate) response_id: Option<String>,
    pub(crate) parameters: Parameters,
    pub(crate) input: Option<Recorded>,
    pub(crate) system: Option<Captured>,
    pub(crate) counts: Counts,
    pub(crate) output: Option<Recorded>,
    /// One per choice, in the order of the choices.
    pub(crate) finish_reasons: Vec<String>,
    /// Disjoint buckets; `total` 0 alone if the response had none, none at all after a failure.
    pub(crate) usage: Option<Usage>,
    /// The part of the output that was thought, where it has no bucket of its own.
    pub(crate) thinking_tokens: Option<u64>,
    /// What the provider says that the call cost, in US dollars.
    pub(crate) cost: Option<f64>,
    pub(crate) failure: Option<Failure>,
    /// What the model or its guard refused, in a response that is none the less whole.
    pub(crate) refusal: Option<String>,
    /// When the first chunk with content arrived, for streams.
    pub(crate) first_content: Option<SystemTime>,
    pub(crate) ended: Ended,
    /// Whether the response was a stream.
    pub(crate) streamed: bool,
    /// The HTTP status of the last attempt.
    pub(crate) status: Option<u16>,
    pub(crate) attempts: u32,
    /// Further facts, as metadata of the observation.
    pub(crate) notes: Vec<(&'static str, Value)>,
}

impl Call {
    /// The default name of the observation: operation and requested model.
    pub(crate) fn name(&self) -> Cow<'static, str> {
        let operation = self.operation.name();
        match &self.request_model {
            Some(model) => Cow::Owned(format!("{operation} {model}")),
            None => Cow::Borrowed(operation),
        }
    }

    /// The model that answered, or else the one that was asked for.
    pub(crate) fn model(&self) -> Option<&str> {
        self.response_model
            .as_deref()
            .or(self.request_model.as_deref())
    }

    /// Whether a stream of OpenAI's chat API came to its end without usage.
    pub(crate) fn lacks_usage(&self) -> bool {
        self.operation == Operation::Chat
            && self.streamed
            && self.ended == Ended::Protocol
            && self.failure.is_none()
            && self.input_tokens().is_none()
            && self.output_tokens().is_none()
    }

    /// All input tokens, cached ones included.
    pub(crate) fn input_tokens(&self) -> Option<u64> {
        self.usage.as_ref()?.sum_of("input")
    }

    /// All output tokens, reasoning included.
    pub(crate) fn output_tokens(&self) -> Option<u64> {
        self.usage.as_ref()?.sum_of("output")
    }

    /// Adds a fact to the metadata; a later one replaces an earlier one of the same name.
    pub(crate) fn note(&mut self, key: &'static str, value: impl Into<Value>) {
        self.notes.retain(|(known, _)| *known != key);
        self.notes.push((key, value.into()));
    }
}

/// Whether Langfuse has a price for reasoning of its own. For Claude models it has none: there
/// reasoning stays in the output.
pub(super) fn has_reasoning_price(provider: &str, model: &str) -> bool {
    !(provider.contains("anthropic") || model.to_ascii_lowercase().contains("claude"))
}
