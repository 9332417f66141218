//! The layer that puts observation around a client's HTTP service.

use tower_layer::Layer;

use super::Observe;

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
    ObserveLayer(())
}

/// Observes the calls that go through a service. Made by [`layer()`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ObserveLayer(());

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Observe::new(inner)
    }
}
