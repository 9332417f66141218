//! Which of an application's spans are about LLMs.

use opentelemetry_sdk::trace::SpanData;

/// Whether a span is about LLMs, by the rule of the official SDKs: one of its attributes begins
/// with `gen_ai.`, or it comes from one of the instrumentations that are known to be.
///
/// The instrumentations are those that the Python SDK 5 and the TypeScript SDK 5 know, and this
/// crate's own scope.
pub fn is_default_export_span(span: &SpanData) -> bool {
    let says_so =
        |attribute: &opentelemetry::KeyValue| attribute.key.as_str().starts_with("gen_ai.");
    is_known_scope(span.instrumentation_scope.name()) || span.attributes.iter().any(says_so)
}

fn is_known_scope(scope: &str) -> bool {
    let (library, instruments) = match scope.strip_prefix("opentelemetry.instrumentation.") {
        Some(library) => (library, INSTRUMENTED),
        None => (scope, SCOPES),
    };
    instruments.iter().any(|known| {
        library
            .strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Scopes, and what they begin with before a dot.
const SCOPES: &[&str] = &[
    "agent_framework",
    "ai",
    "autogen-core",
    "haystack",
    "langfuse-sdk",
    "langsmith",
    "litellm",
    "openinference",
    "pydantic-ai",
    "strands-agents",
    "vllm",
    "warmspan",
];

/// What follows `opentelemetry.instrumentation.`.
const INSTRUMENTED: &[&str] = &[
    "agno",
    "alephalpha",
    "anthropic",
    "aws_bedrock",
    "bedrock",
    "cohere",
    "crewai",
    "gemini",
    "google_genai",
    "google_generativeai",
    "groq",
    "haystack",
    "langchain",
    "llamaindex",
    "mistralai",
    "ollama",
    "openai",
    "openai_agents",
    "openai_v2",
    "replicate",
    "sagemaker",
    "together",
    "transformers",
    "vertex_ai",
    "vertexai",
    "voyageai",
    "watsonx",
    "writer",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_known_by_themselves_and_before_a_dot() {
        for known in [
            "ai",
            "openinference.instrumentation.openai",
            "opentelemetry.instrumentation.groq",
            "warmspan",
        ] {
            assert!(is_known_scope(known), "{known}");
        }
        for unknown in [
            "",
            "aid",
            "ai-service",
            "opentelemetry",
            "opentelemetry.instrumentation.redis",
            "reqwest",
        ] {
            assert!(!is_known_scope(unknown), "{unknown}");
        }
    }
}
