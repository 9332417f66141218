//! The layer.

use tower_layer::Layer;

use super::TraceService;
use crate::{FlushPoint, Sdk, diagnostics};

/// Traces the requests of a service and flushes before the end of each response.
///
/// ```
/// use axum::{Router, routing::post};
/// use warmspan::http::TraceLayer;
///
/// let app: Router = Router::new().route("/chat", post(|| async { "an answer" })).layer(TraceLayer::new());
/// ```
#[derive(Clone, Debug)]
pub struct TraceLayer {
    sdk: Sdk,
}

impl TraceLayer {
    /// Traces with the process's SDK, [`warmspan::sdk`](crate::sdk), and connects it.
    pub fn new() -> Self {
        Self::with_sdk(crate::sdk().clone())
    }

    /// Traces with another SDK.
    pub fn with_sdk(sdk: Sdk) -> Self {
        let settings = sdk.settings();
        if settings.flush_point == FlushPoint::AfterResponse && settings.flush_interval.is_none() {
            diagnostics::warn(
                "WARMSPAN_FLUSH=after-response has no effect on `http::TraceLayer`: it flushes before the end of the \
                 response, since over plain HTTP nothing holds the platform back afterwards; on a server that keeps \
                 running between requests set LANGFUSE_FLUSH_INTERVAL as well",
            );
        }
        sdk.warm_up_in_background();
        Self { sdk }
    }
}

impl Default for TraceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> TraceService<S> {
        TraceService::new(inner, self.sdk.clone())
    }
}
