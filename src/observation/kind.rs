//! What an observation is, and how it went.

/// The type of an observation, as Langfuse knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObservationType {
    /// Any operation.
    #[default]
    Span,
    /// A call to a model.
    Generation,
    /// A point in time.
    Event,
    /// A call that makes embeddings.
    Embedding,
    /// An agent that decides what to do.
    Agent,
    /// A call to a tool.
    Tool,
    /// A step that links others.
    Chain,
    /// A search in documents.
    Retriever,
    /// A judgement of an output.
    Evaluator,
    /// A check that protects from harm.
    Guardrail,
}

impl ObservationType {
    /// The name on the wire. The server knows lower case only.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Generation => "generation",
            Self::Event => "event",
            Self::Embedding => "embedding",
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Chain => "chain",
            Self::Retriever => "retriever",
            Self::Evaluator => "evaluator",
            Self::Guardrail => "guardrail",
        }
    }

    /// Whether Langfuse counts tokens for it.
    pub(super) fn is_model_call(self) -> bool {
        matches!(self, Self::Generation | Self::Embedding)
    }
}

/// How an observation went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// Of interest when looking for a fault.
    Debug,
    /// As it should.
    #[default]
    Default,
    /// Worth a look.
    Warning,
    /// It failed.
    Error,
}

impl Level {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Default => "DEFAULT",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}
