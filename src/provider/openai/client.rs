//! The client of this process.

use std::sync::Arc;

use async_openai::{
    Client,
    config::{Config, OPENAI_API_BASE, OpenAIConfig},
    middleware::{ReqwestService, retry::OpenAIRetryLayer},
};
use once_cell::sync::Lazy;
use tower::ServiceBuilder;

use super::{ObserveLayer, layer};
use crate::{diagnostics, transport::tls};

/// The instrumented client of this process: made at the first call, cloned cheaply after that, so
/// that warm invocations find open connections.
///
/// It is configured by async-openai's own variables: `OPENAI_API_KEY`, `OPENAI_BASE_URL`,
/// `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID`.
///
/// ```
/// let client = warmspan::openai::client();
/// let chat = client.chat();
/// ```
pub fn client() -> Client<OpenAIConfig> {
    CLIENT.clone()
}

/// An instrumented client with a configuration of its own, for instance another base URL or Azure.
/// It shares the connections of this process, so make it where it is used or keep it.
///
/// ```
/// use warmspan::openai::async_openai::config::OpenAIConfig;
///
/// let groq = OpenAIConfig::new().with_api_base("https://api.groq.com/openai/v1");
/// let client = warmspan::openai::client_with(groq);
/// ```
pub fn client_with<C: Config>(config: C) -> Client<C> {
    client_with_layer(config, layer())
}

pub(super) fn client_with_layer<C: Config>(config: C, layer: ObserveLayer) -> Client<C> {
    let http = HTTP.clone();
    let service = ServiceBuilder::new()
        .layer(layer)
        // A client with a service of its own has lost its default retries.
        .layer(OpenAIRetryLayer::default())
        .service(ReqwestService::new(http.clone()));
    Client::build(http, config).with_http_service(service)
}

static CLIENT: Lazy<Client<OpenAIConfig>> = Lazy::new(|| {
    let config = OpenAIConfig::default();
    // Templates like to set variables to nothing, and a base URL of nothing never works.
    if config.api_base().is_empty() {
        client_with(config.with_api_base(OPENAI_API_BASE))
    } else {
        client_with(config)
    }
});

static HTTP: Lazy<reqwest::Client> = Lazy::new(|| {
    let builder = reqwest::Client::builder().tcp_nodelay(true);
    let ca_file = crate::sdk().settings().ca_file.as_deref();
    let tls = tls::client_config(ca_file).or_else(|error| {
        diagnostics::warn(format_args!(
            "OpenAI client: {error}; the compiled-in web roots are used"
        ));
        tls::client_config(None)
    });
    let builder = match tls {
        Ok(tls) => builder.tls_backend_preconfigured(Arc::unwrap_or_clone(tls)),
        Err(_) => builder,
    };
    // It cannot fail: the configuration of TLS is the only part of it that could.
    builder.build().unwrap_or_default()
});
