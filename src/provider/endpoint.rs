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
    /// OpenAI's: text to speech, speech to text, and images, of which no content is read.
    Speech,
    Transcription,
    Image,
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
            Self::Speech => Operation::Speech,
            Self::Transcription => Operation::Transcription,
            Self::Image => Operation::Image,
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
            Self::GeminiGenerate => Box::new(gemini::GenerateExtractor::default()),
            Self::GeminiEmbed => Box::new(gemini::EmbedExtractor),
            Self::GeminiInteractions => Box::new(gemini::InteractionExtractor),
            Self::OllamaChat | Self::OllamaGenerate => Box::new(ollama::GenerateExtractor),
            Self::OllamaEmbed => Box::new(ollama::EmbedExtractor),
            Self::Speech | Self::Transcription | Self::Image => Box::new(openai::MediaExtractor),
        }
    }

    /// Whether the API streams JSON objects that are no server-sent events.
    pub(super) fn streams_values(self) -> bool {
        matches!(
            self,
            Self::GeminiGenerate | Self::OllamaChat | Self::OllamaGenerate
        )
    }

    /// Whether a request of this API would have this body. Other programs' servers have such paths,
    /// too. It is not parsed: it is about to be sent. The path may name the model.
    fn fits(self, body: &[u8], path_model: Option<&str>) -> bool {
        let Ok(body) = std::str::from_utf8(body) else {
            return false;
        };
        let has = |members: &[&str]| members.iter().any(|member| body.contains(member));
        let is_said = path_model.is_some() || has(&["\"model\""]);
        match self {
            Self::Chat => has(&["\"messages\""]),
            Self::Completions | Self::Image => has(&["\"prompt\""]),
            Self::Responses => {
                has(&["\"model\"", "\"prompt\""]) && has(&["\"input\"", "\"prompt\""])
            }
            Self::Embeddings | Self::Speech => is_said && has(&["\"input\""]),
            Self::AnthropicMessages => has(&["\"messages\""]) && has(&["\"max_tokens\""]),
            Self::GeminiInteractions => has(&["\"model\"", "\"agent\""]) && has(&["\"input\""]),
            Self::OllamaChat => is_said && has(&["\"messages\""]),
            Self::OllamaGenerate => is_said && has(&["\"prompt\""]),
            Self::OllamaEmbed => is_said && has(&["\"input\"", "\"prompt\""]),
            // Each vendor has a word of its own for what the model is asked.
            Self::BedrockInvoke | Self::BedrockEmbed => has(&[
                "\"messages\"",
                "\"prompt\"",
                "\"inputText\"",
                "\"message\"",
                "\"texts\"",
                "\"images\"",
                "\"inputImage\"",
                "\"inputs\"",
                "\"singleEmbeddingParams\"",
            ]),
            // The first are forms, which nothing here reads; the paths of the others are like none.
            Self::Transcription
            | Self::GeminiGenerate
            | Self::GeminiEmbed
            | Self::BedrockConverse => true,
        }
    }

    /// The provider whose API it is, for servers that are nobody's.
    fn vendor(self) -> &'static str {
        match self {
            Self::Chat
            | Self::Responses
            | Self::Completions
            | Self::Embeddings
            | Self::Speech
            | Self::Transcription
            | Self::Image => "openai",
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

    /// None if the request is no model call that we can read. Of a server that is no known
    /// provider's the body must be that of one; without a body in memory, only media may be sent.
    pub(crate) fn of_request(
        method: &str,
        host: &str,
        path: &str,
        body: Option<&[u8]>,
    ) -> Option<Self> {
        let endpoint = Self::recognise(method, host, path)?;
        let is_media = matches!(endpoint.api, Api::Transcription | Api::Image);
        let fits = match body {
            Some(body) => {
                let model = endpoint.path_model.as_deref();
                known_provider(&host.to_ascii_lowercase()).is_some()
                    || endpoint.api.fits(body, model)
            }
            None => is_media,
        };
        fits.then_some(endpoint)
    }

    /// The model call that a path tells.
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
    const ENDS: [(&str, Api); 18] = [
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
        ("/audio/speech", Api::Speech),
        ("/audio/transcriptions", Api::Transcription),
        ("/audio/translations", Api::Transcription),
        ("/images/generations", Api::Image),
        ("/images/edits", Api::Image),
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
    let host = host.to_ascii_lowercase();
    match known_provider(&host) {
        Some(name) => Cow::Borrowed(name),
        // A server that speaks the protocol on this machine, in a test or behind a gateway.
        None if host.is_empty() || is_local(&host) => Cow::Borrowed(api.vendor()),
        None => Cow::Owned(host),
    }
}

fn known_provider(host: &str) -> Option<&'static str> {
    const PROVIDERS: [(&str, &str); 22] = [
        ("api.openai.com", "openai"),
        ("openai.azure.com", "azure.ai.openai"),
        ("cognitiveservices.azure.com", "azure.ai.openai"),
        ("services.ai.azure.com", "azure.ai.inference"),
        ("api.anthropic.com", "anthropic"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("aiplatform.googleapis.com", "gcp.vertex_ai"),
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
    let is_of = |domain: &str| {
        let before = host.strip_suffix(domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    if is_bedrock(host) {
        return Some("aws.bedrock");
    }
    // The regions are no labels of their own.
    if host.ends_with("-aiplatform.googleapis.com") {
        return Some("gcp.vertex_ai");
    }
    let known = PROVIDERS.iter().find(|(domain, _)| is_of(domain));
    known.map(|(_, name)| *name)
}

/// Whether it is one of AWS's hosts that serve models: most serve the programs of others.
fn is_bedrock(host: &str) -> bool {
    const DOMAINS: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];
    let mut labels = host.split('.');
    let first = labels.next().unwrap_or_default();
    // An endpoint inside of a private network has a name of its own in front.
    let service = if first.starts_with("vpce-") {
        labels.next().unwrap_or_default()
    } else {
        first
    };
    // The second speaks OpenAI's protocol.
    ["bedrock-runtime", "bedrock-mantle"]
        .iter()
        .any(|name| service.starts_with(name))
        && DOMAINS.iter().any(|domain| host.ends_with(domain))
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
    fn on_a_server_that_is_nobodys_the_body_must_be_a_model_calls() {
        let is_call = |host: &str, path: &str, body: &str| {
            Endpoint::of_request("POST", host, path, Some(body.as_bytes())).is_some()
        };
        for (path, call, other) in [
            (
                "/api/chat",
                r#"{"model":"m","messages":[]}"#,
                r#"{"text":"hello"}"#,
            ),
            (
                "/v1/interactions",
                r#"{"model":"m","input":"x"}"#,
                r#"{"click":1}"#,
            ),
            (
                "/v1/messages",
                r#"{"messages":[],"max_tokens":1}"#,
                r#"{"to":"ada"}"#,
            ),
            (
                "/survey/responses",
                r#"{"model":"m","input":"x"}"#,
                r#"{"answer":4}"#,
            ),
            ("/images/edits", r#"{"prompt":"a cat"}"#, r#"{"crop":[1]}"#),
            (
                "/api/generate",
                r#"{"model":"m","prompt":"x"}"#,
                r#"{"model":"Tesla","year":2}"#,
            ),
            (
                "/openai/deployments/emb/embeddings",
                r#"{"input":["x"]}"#,
                r#"{"text":"x"}"#,
            ),
            (
                "/model/m/invoke",
                r#"{"anthropic_version":"1","messages":[]}"#,
                r#"{"rows":[1]}"#,
            ),
            (
                "/model/embed/invoke",
                r#"{"inputText":"x"}"#,
                r#"{"rows":[1]}"#,
            ),
        ] {
            for host in ["localhost", "app.example.org"] {
                assert!(is_call(host, path, call), "{path}");
                assert!(!is_call(host, path, other), "{path}");
            }
        }
        assert!(is_call("api.openai.com", "/v1/responses", "{}"));
        assert!(is_call("ollama.com", "/api/chat", "{}"));
        let bedrock = "bedrock-runtime.us-east-1.amazonaws.com";
        assert!(is_call(bedrock, "/model/m/invoke", "{}"));
    }

    #[test]
    fn a_provider_is_known_by_its_whole_domain() {
        for (host, provider) in [
            ("API.openai.com", Some("openai")),
            ("eu.api.openai.com", Some("openai")),
            ("x.openai.azure.com", Some("azure.ai.openai")),
            ("aiplatform.googleapis.com", Some("gcp.vertex_ai")),
            (
                "us-central1-aiplatform.googleapis.com",
                Some("gcp.vertex_ai"),
            ),
            (
                "bedrock-runtime.us-east-1.amazonaws.com",
                Some("aws.bedrock"),
            ),
            (
                "bedrock-runtime-fips.us-east-1.amazonaws.com",
                Some("aws.bedrock"),
            ),
            ("bedrock-mantle.us-east-1.api.aws", Some("aws.bedrock")),
            (
                "vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com",
                Some("aws.bedrock"),
            ),
            ("bedrock-runtime.example.org", None),
            ("abc.execute-api.us-east-1.amazonaws.com", None),
            ("alb-1.us-east-1.elb.amazonaws.com", None),
            ("notopenrouter.ai", None),
            ("evilopenai.azure.com", None),
            ("api.openai.com.example.org", None),
        ] {
            let known = known_provider(&host.to_ascii_lowercase());
            assert_eq!(known, provider, "{host}");
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
