//! Which model call a request is: by the shape of its path first, so that gateways and local
//! servers work, then by host for the provider's name.

use std::borrow::Cow;

use super::{
    call::Operation,
    extract::Extract,
    openai::{ChatExtractor, CompletionExtractor, EmbeddingExtractor, ResponseExtractor},
};
use crate::observation::Content;

/// A provider's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// OpenAI's, and that of all who speak its protocol.
    Chat,
    Responses,
    Completions,
    Embeddings,
}

impl Api {
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::Chat => Operation::Chat,
            Self::Responses => Operation::Responses,
            Self::Completions => Operation::TextCompletion,
            Self::Embeddings => Operation::Embeddings,
        }
    }

    pub(super) fn extractor(self, content: Content) -> Box<dyn Extract> {
        match self {
            Self::Chat => Box::new(ChatExtractor),
            Self::Responses => Box::new(ResponseExtractor),
            Self::Completions => Box::new(CompletionExtractor),
            Self::Embeddings => Box::new(EmbeddingExtractor::new(content)),
        }
    }
}

/// A recognised model call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) api: Api,
    pub(crate) provider: Cow<'static, str>,
    /// The model or deployment that the path names.
    pub(crate) path_model: Option<String>,
}

impl Endpoint {
    /// None if the request is no model call that we can read.
    pub(crate) fn recognise(method: &str, host: &str, path: &str) -> Option<Self> {
        if !method.eq_ignore_ascii_case("POST") {
            return None;
        }
        let path = path.trim_end_matches('/');
        // Ollama's own embeddings have the same last segment as OpenAI's.
        if path == "/api/embeddings" {
            return None;
        }
        let api = if path.ends_with("/chat/completions") {
            Api::Chat
        } else if path.ends_with("/completions") {
            Api::Completions
        } else if path.ends_with("/responses") || path.ends_with("/responses/compact") {
            Api::Responses
        } else if path.ends_with("/embeddings") {
            Api::Embeddings
        } else {
            return None;
        };
        let path_model = path
            .split_once("/openai/deployments/")
            .and_then(|(_, rest)| rest.split('/').next())
            .map(str::to_owned);
        Some(Self {
            api,
            provider: provider(host),
            path_model,
        })
    }
}

/// OpenTelemetry's name of the provider that serves `host`; for others the host's own name.
fn provider(host: &str) -> Cow<'static, str> {
    const PROVIDERS: [(&str, &str); 24] = [
        ("api.openai.com", "openai"),
        (".openai.azure.com", "azure.ai.openai"),
        (".cognitiveservices.azure.com", "azure.ai.openai"),
        (".services.ai.azure.com", "azure.ai.inference"),
        ("api.anthropic.com", "anthropic"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("aiplatform.googleapis.com", "gcp.vertex_ai"),
        (".api.aws", "aws.bedrock"),
        (".amazonaws.com", "aws.bedrock"),
        ("api.groq.com", "groq"),
        ("api.mistral.ai", "mistral_ai"),
        ("api.deepseek.com", "deepseek"),
        ("api.x.ai", "x_ai"),
        ("api.perplexity.ai", "perplexity"),
        ("api.cohere.com", "cohere"),
        ("api.cohere.ai", "cohere"),
        ("api.moonshot.ai", "moonshot_ai"),
        ("openrouter.ai", "openrouter"),
        ("api.together.xyz", "together"),
        ("api.together.ai", "together"),
        ("api.fireworks.ai", "fireworks"),
        ("api.cerebras.ai", "cerebras"),
        ("router.huggingface.co", "huggingface"),
        ("ollama.com", "ollama"),
    ];
    let host = host.to_ascii_lowercase();
    let known = PROVIDERS.iter().find(|(end, _)| host.ends_with(end));
    match known {
        Some((_, name)) => Cow::Borrowed(name),
        // A server that speaks OpenAI's protocol on this machine, in a test or behind a gateway.
        None if host.is_empty() || is_local(&host) => Cow::Borrowed("openai"),
        None => Cow::Owned(host),
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(host: &str, path: &str) -> Option<(Api, String, Option<String>)> {
        let endpoint = Endpoint::recognise("POST", host, path)?;
        Some((
            endpoint.api,
            endpoint.provider.into_owned(),
            endpoint.path_model,
        ))
    }

    #[test]
    fn the_path_tells_the_api_and_the_host_the_provider() {
        let openai = "openai".to_owned();
        assert_eq!(
            recognised("api.openai.com", "/v1/chat/completions"),
            Some((Api::Chat, openai.clone(), None))
        );
        assert_eq!(
            recognised("127.0.0.1", "/v1/responses/"),
            Some((Api::Responses, openai, None))
        );
        assert_eq!(
            recognised("x.openai.azure.com", "/openai/deployments/gpt/embeddings"),
            Some((
                Api::Embeddings,
                "azure.ai.openai".into(),
                Some("gpt".into())
            ))
        );
        assert_eq!(
            recognised("llm.example.org", "/v1/completions"),
            Some((Api::Completions, "llm.example.org".into(), None))
        );
    }

    #[test]
    fn other_requests_are_left_alone() {
        assert_eq!(recognised("api.openai.com", "/v1/models"), None);
        assert_eq!(recognised("api.openai.com", "/v1/responses/resp_1"), None);
        assert_eq!(recognised("127.0.0.1", "/api/embeddings"), None);
        assert_eq!(
            Endpoint::recognise("GET", "api.openai.com", "/v1/responses"),
            None
        );
    }
}
