//! The layer that puts observation around a client's HTTP service.

use async_openai::{Client, config::Config};
use tower_layer::Layer;

use super::{Observe, client::client_with_layer};

/// The layer for an async-openai client of your own.
///
/// Put it outside of the retry layer, so that a call is one observation with all its attempts. A
/// client with a service of its own has no retries unless they are put back:
///
/// ```
/// use tower::ServiceBuilder;
/// use warmspan::openai::async_openai::{
///     Client, config::OpenAIConfig,
///     middleware::{ReqwestService, retry::OpenAIRetryLayer},
/// };
///
/// fn instrumented(http: reqwest::Client, config: OpenAIConfig) -> Client<OpenAIConfig> {
///     let service = ServiceBuilder::new()
///         .layer(warmspan::openai::layer())
///         .layer(OpenAIRetryLayer::default())
///         .service(ReqwestService::new(http.clone()));
///     Client::build(http, config).with_http_service(service)
/// }
/// ```
pub fn layer() -> ObserveLayer {
    ObserveLayer::default()
}

/// Observes the calls that go through a service. Made by [`layer()`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ObserveLayer {
    includes_usage: bool,
}

impl ObserveLayer {
    /// Asks streamed chats for their token counts, which OpenAI otherwise leaves out: sets
    /// `stream_options.include_usage` in requests that say nothing of it.
    ///
    /// This changes what is sent and adds a chunk without choices to what comes back, so it is
    /// off unless asked for.
    ///
    /// ```
    /// use warmspan::openai::async_openai::config::OpenAIConfig;
    ///
    /// let client = warmspan::openai::layer().include_usage().client(OpenAIConfig::new());
    /// ```
    #[must_use]
    pub fn include_usage(mut self) -> Self {
        self.includes_usage = true;
        self
    }

    /// A client like that of [`client_with`](super::client_with), with this layer.
    pub fn client<C: Config>(self, config: C) -> Client<C> {
        client_with_layer(config, self)
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Observe::new(inner, self.includes_usage)
    }
}
