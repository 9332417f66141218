//! Which model call a request is: by the shape of its path first, so that gateways and local
//! servers work, then by host for the provider's name.

use std::borrow::Cow;

use super::{anthropic, bedrock, call::Operation, extract::Extract, gemini, ollama, openai};

/// A provider's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// OpenAI's, and that of all who speak its protocol.
    Chat,
    Responses,
    Completions,
    Embeddings,
    AnthropicMessages,
    BedrockConverse,
    BedrockInvoke,
    BedrockEmbed,
    GeminiGenerate,
    GeminiEmbed,
    GeminiInteractions,
    OllamaChat,
    OllamaGenerate,
    OllamaEmbed,
}

impl Api {
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::Chat
            | Self::AnthropicMessages
            | Self::BedrockConverse
            | Self::BedrockInvoke
            | Self::OllamaChat => Operation::Chat,
            Self::Responses => Operation::Responses,
            Self::GeminiGenerate | Self::GeminiInteractions => Operation::GenerateContent,
            Self::Completions | Self::OllamaGenerate => Operation::TextCompletion,
            Self::Embeddings | Self::BedrockEmbed | Self::GeminiEmbed | Self::OllamaEmbed => {
                Operation::Embeddings
            }
        }
    }

    pub(super) fn extractor(self) -> Box<dyn Extract> {
        match self {
            Self::Chat => Box::new(openai::ChatExtractor),
            Self::Responses => Box::new(openai::ResponseExtractor),
            Self::Completions => Box::new(openai::CompletionExtractor),
            Self::Embeddings => Box::new(openai::EmbeddingExtractor),
            Self::AnthropicMessages => Box::new(anthropic::MessageExtractor::default()),
            Self::BedrockConverse => Box::new(bedrock::ConverseExtractor),
            Self::BedrockInvoke => Box::new(bedrock::InvokeExtractor::new()),
            Self::BedrockEmbed => Box::new(bedrock::EmbedExtractor::default()),
            Self::GeminiGenerate => Box::new(gemini::GenerateExtractor),
            Self::GeminiEmbed => Box::new(gemini::EmbedExtractor),
            Self::GeminiInteractions => Box::new(gemini::InteractionExtractor),
            Self::OllamaChat | Self::OllamaGenerate => Box::new(ollama::GenerateExtractor),
            Self::OllamaEmbed => Box::new(ollama::EmbedExtractor),
        }
    }

    /// Whether the API streams JSON objects that are no server-sent events.
    pub(super) fn streams_values(self) -> bool {
        matches!(
            self,
            Self::GeminiGenerate | Self::OllamaChat | Self::OllamaGenerate
        )
    }

    /// The provider whose API it is, for servers that are nobody's.
    fn vendor(self) -> &'static str {
        match self {
            Self::Chat | Self::Responses | Self::Completions | Self::Embeddings => "openai",
            Self::AnthropicMessages => "anthropic",
            Self::BedrockConverse | Self::BedrockInvoke | Self::BedrockEmbed => "aws.bedrock",
            Self::GeminiGenerate | Self::GeminiEmbed | Self::GeminiInteractions => "gcp.gemini",
            Self::OllamaChat | Self::OllamaGenerate | Self::OllamaEmbed => "ollama",
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
    /// A call of an API whose server is not known.
    pub(crate) fn of(api: Api, model: Option<String>) -> Self {
        Self {
            api,
            provider: Cow::Borrowed(api.vendor()),
            path_model: model,
        }
    }

    /// None if the request is no model call that we can read.
    pub(crate) fn recognise(method: &str, host: &str, path: &str) -> Option<Self> {
        if !method.eq_ignore_ascii_case("POST") {
            return None;
        }
        let (api, path_model) = route(path.trim_end_matches('/'))?;
        Some(Self {
            api,
            provider: provider(host, api),
            path_model,
        })
    }
}

/// The API at a path, and the model that the path names.
fn route(path: &str) -> Option<(Api, Option<String>)> {
    if let Some((before, method)) = path.rsplit_once(':')
        && let Some(found) = google(before, method)
    {
        return Some(found);
    }
    if let Some((_, rest)) = path.split_once("/model/")
        && let Some((model, method)) = rest.rsplit_once('/')
        && let Some(api) = bedrock(model, method)
    {
        return Some((api, Some(percent_decoded(model))));
    }
    let deployment = path
        .split_once("/openai/deployments/")
        .and_then(|(_, rest)| rest.split('/').next())
        .map(str::to_owned);
    Some((api_of(path)?, deployment))
}

/// What the end of a path tells.
fn api_of(path: &str) -> Option<Api> {
    // The longer ends come first: Ollama's last segments are also OpenAI's.
    const ENDS: [(&str, Api); 13] = [
        ("/api/chat", Api::OllamaChat),
        ("/api/generate", Api::OllamaGenerate),
        ("/api/embed", Api::OllamaEmbed),
        ("/api/embeddings", Api::OllamaEmbed),
        ("/chat/completions", Api::Chat),
        ("/completions", Api::Completions),
        ("/responses", Api::Responses),
        ("/responses/compact", Api::Responses),
        ("/embeddings", Api::Embeddings),
        ("/v1/messages", Api::AnthropicMessages),
        ("/v1beta/interactions", Api::GeminiInteractions),
        ("/v1beta1/interactions", Api::GeminiInteractions),
        ("/v1/interactions", Api::GeminiInteractions),
    ];
    let known = ENDS.iter().find(|(end, _)| path.ends_with(end));
    known.map(|(_, api)| *api)
}

/// What a method of Google's, after a colon, tells.
fn google(before: &str, method: &str) -> Option<(Api, Option<String>)> {
    let model = percent_decoded(before.rsplit('/').next()?);
    let api = match method {
        "generateContent" | "streamGenerateContent" => Api::GeminiGenerate,
        "embedContent" | "batchEmbedContents" => Api::GeminiEmbed,
        "predict" if model.contains("embedding") => Api::GeminiEmbed,
        "rawPredict" | "streamRawPredict" if before.contains("/publishers/anthropic/") => {
            Api::AnthropicMessages
        }
        "rawPredict" | "streamRawPredict" if before.contains("/publishers/mistralai/") => Api::Chat,
        _ => return None,
    };
    Some((api, Some(model)))
}

/// What a method of Bedrock's runtime tells.
fn bedrock(model: &str, method: &str) -> Option<Api> {
    match method {
        "converse" | "converse-stream" => Some(Api::BedrockConverse),
        "invoke" if model.contains("embed") => Some(Api::BedrockEmbed),
        "invoke" | "invoke-with-response-stream" => Some(Api::BedrockInvoke),
        _ => None,
    }
}

/// A segment of a path, as it was before it was put into the path.
fn percent_decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after
            .get(..2)
            .filter(|_| byte == b'%')
            .and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = match escaped {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// OpenTelemetry's name of the provider that serves `host`; for others the host's own name.
fn provider(host: &str, api: Api) -> Cow<'static, str> {
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
        // A server that speaks the protocol on this machine, in a test or behind a gateway.
        None if host.is_empty() || is_local(&host) => Cow::Borrowed(api.vendor()),
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
    fn the_path_may_name_the_model() {
        for (host, path, api, provider, model) in [
            (
                "generativelanguage.googleapis.com",
                "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
                Api::GeminiGenerate,
                "gcp.gemini",
                "gemini-2.5-flash",
            ),
            (
                "us-central1-aiplatform.googleapis.com",
                "/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict",
                Api::AnthropicMessages,
                "gcp.vertex_ai",
                "claude",
            ),
            (
                "bedrock-runtime.us-east-1.amazonaws.com",
                "/model/amazon.nova-lite-v1%3A0/converse-stream",
                Api::BedrockConverse,
                "aws.bedrock",
                "amazon.nova-lite-v1:0",
            ),
            (
                "localhost",
                "/model/arn%3Aaws%3Aprofile%2Fx/invoke",
                Api::BedrockInvoke,
                "aws.bedrock",
                "arn:aws:profile/x",
            ),
        ] {
            let expected = Some((api, provider.to_owned(), Some(model.to_owned())));
            assert_eq!(recognised(host, path), expected, "{path}");
        }
    }

    #[test]
    fn servers_on_this_machine_have_the_name_of_their_protocol() {
        for (path, provider) in [
            ("/api/chat", "ollama"),
            ("/v1/messages", "anthropic"),
            ("/v1/chat/completions", "openai"),
        ] {
            let endpoint = Endpoint::recognise("POST", "127.0.0.1", path);
            assert_eq!(
                endpoint.map(|endpoint| endpoint.provider),
                Some(provider.into())
            );
        }
    }

    #[test]
    fn other_requests_are_left_alone() {
        assert_eq!(recognised("api.openai.com", "/v1/models"), None);
        assert_eq!(recognised("api.openai.com", "/v1/responses/resp_1"), None);
        assert_eq!(recognised("127.0.0.1", "/v1/messages/count_tokens"), None);
        assert_eq!(recognised("127.0.0.1", "/v1/messages/batches"), None);
        assert_eq!(recognised("127.0.0.1", "/models/m:countTokens"), None);
        assert_eq!(recognised("127.0.0.1", "/model/m/count-tokens"), None);
        assert_eq!(
            Endpoint::recognise("GET", "api.openai.com", "/v1/responses"),
            None
        );
    }
}
