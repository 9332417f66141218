//! An application's `tracing` spans.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanLimits};
use tracing::Subscriber;
use tracing_subscriber::{Layer, registry::LookupSpan};

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
    /// use tracing_subscriber::layer::SubscriberExt as _;
    ///
    /// let sdk = warmspan::sdk();
    /// let subscriber = tracing_subscriber::registry().with(sdk.tracing_layer());
    /// # drop(subscriber);
    /// // tracing::subscriber::set_global_default(subscriber)
    /// ```
    pub fn tracing_layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let pipeline = self.pipeline()?;
        let (ids, sampler) = pipeline.ids_and_sampler();
        // Everything is set here, since the builder's own defaults obey the environment.
        let provider = SdkTracerProvider::builder()
            .with_id_generator(ids)
            .with_sampler(sampler)
            .with_span_limits(UNLIMITED)
            .with_span_processor(self.span_processor())
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

/// Limits would silently drop what is set last: output and usage. The queue has the bound.
const UNLIMITED: SpanLimits = SpanLimits {
    max_events_per_span: u32::MAX,
    max_attributes_per_span: u32::MAX,
    max_links_per_span: u32::MAX,
    max_attributes_per_event: u32::MAX,
    max_attributes_per_link: u32::MAX,
};
