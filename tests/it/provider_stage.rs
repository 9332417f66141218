//! What tests of the seams have in common: a Langfuse, an SDK that sends to it, and a provider.

use std::{sync::Arc, time::Duration};

use warmspan::{
    Config, ObserveFuture as _, Sdk,
    openai::async_openai::{
        Client,
        config::OpenAIConfig,
        types::chat::{ChatCompletionResponseStream, CreateChatCompletionRequest},
    },
    testkit::{
        langfuse::{Langfuse, Observation},
        tree::Trace,
    },
};

use crate::provider_replay::{Piece, Replay};

/// A provider's key, which must never leave for anybody else.
pub(crate) const KEY: &str = "sk-test-0123456789abcdef";

/// A Langfuse, an SDK that sends to it, and a provider.
pub(crate) struct Stage {
    pub(crate) langfuse: Langfuse,
    pub(crate) sdk: Sdk,
    pub(crate) provider: Replay,
}

impl Stage {
    pub(crate) async fn new(answers: Vec<Vec<Piece>>) -> Self {
        let langfuse = Langfuse::start().await.unwrap();
        let config = Config::new()
            .public_key(langfuse.public_key())
            .secret_key(langfuse.secret_key())
            .base_url(langfuse.base_url());
        let sdk = Sdk::new(config);
        let provider = Replay::start(answers).await;
        Self {
            langfuse,
            sdk,
            provider,
        }
    }

    pub(crate) fn client(&self) -> Client<OpenAIConfig> {
        warmspan::openai::client_with(self.config())
    }

    pub(crate) fn config(&self) -> OpenAIConfig {
        OpenAIConfig::new()
            .with_api_base(self.provider.base_url())
            .with_api_key(KEY)
    }

    /// Runs `work` inside of an observation, and returns what Langfuse got.
    pub(crate) async fn observe<R>(&self, work: impl Future<Output = R>) -> (R, Trace) {
        let result = work.observed(self.sdk.span("work")).await;
        // The client reads streams on a task of its own.
        for _ in 0..100 {
            let _ = self.sdk.force_flush(Duration::from_secs(2)).await;
            if self.langfuse.observations().len() >= 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut traces = self.langfuse.traces();
        assert_eq!(traces.len(), 1);
        (result, traces.remove(0))
    }

    /// A streamed chat, whose observation around it has ended.
    pub(crate) async fn open_stream(
        &self,
        request: CreateChatCompletionRequest,
    ) -> ChatCompletionResponseStream {
        let client = self.client();
        let call = async move { client.chat().create_stream(request).await.unwrap() };
        let outer = self.sdk.span("outer");
        let stream = call.in_observation(&outer).await;
        outer.end();
        stream
    }
}

/// The only child of the root.
pub(crate) fn generation(trace: &Trace) -> &Observation {
    let root = trace.root().unwrap();
    trace.children(root)[0]
}

/// A client as warmspan makes it: reqwest has no TLS provider of its own here.
pub(crate) fn reqwest_client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .build()
        .unwrap()
}
