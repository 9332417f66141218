//! An application's `tracing` spans.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanLimits};
use tracing::Subscriber;
use tracing_subscriber::{Layer, registry::LookupSpan};

use super::LlmSpanProcessor;
use crate::Sdk;

impl Sdk {
    /// A layer that brings the LLM spans among an application's `tracing` spans to Langfuse, in one
    /// tree with observations: see [`composition`](super). The spans of libraries that say `gen_ai.*`,
    /// such as `rig` and `genai`, need nothing else.
    ///
    /// Where tracing is off it does nothing. An application that has a `tracing-opentelemetry` layer
    /// already gives [`span_processor`](Self::span_processor) to the provider of that one instead.
    ///
    /// ```
    /// use tracing_subscriber::{Layer as _, filter::LevelFilter, layer::SubscriberExt as _};
    ///
    /// let sdk = warmspan::sdk();
    /// // Without a filter every library's trace-level spans are made, and left out at their end.
    /// let subscriber = tracing_subscriber::registry().with(sdk.tracing_layer().with_filter(LevelFilter::INFO));
    /// # drop(subscriber);
    /// // tracing::subscriber::set_global_default(subscriber)
    /// ```
    pub fn tracing_layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        self.span_processor().tracing_layer()
    }
}

impl LlmSpanProcessor {
    /// [`Sdk::tracing_layer`] with this processor's [choice](Self::should_export).
    pub fn tracing_layer<S>(self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let (ids, sampler) = self.sdk().pipeline()?.ids_and_sampler();
        // Everything is set here, since the builder's own defaults obey the environment. Dropped with
        // its subscriber, the provider must not block: the SDK has what has ended.
        let provider = SdkTracerProvider::builder()
            .with_id_generator(ids)
            .with_sampler(sampler)
            .with_span_limits(LIMITS)
            .with_span_processor(self.without_flush())
            .build();
        let layer = tracing_opentelemetry::layer()
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_tracer(provider.tracer("tracing"));
        Some(layer)
    }
}

/// OpenTelemetry's own limits, but for attributes: what is set last would be dropped silently, output
/// and usage. A long-lived span collects an event for each line that is logged in it.
const LIMITS: SpanLimits = SpanLimits {
    max_events_per_span: 128,
    max_attributes_per_span: u32::MAX,
    max_links_per_span: 128,
    max_attributes_per_event: 128,
    max_attributes_per_link: 128,
};
