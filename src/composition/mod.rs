//! One tree with an application's own OpenTelemetry spans.
//!
//! By default this crate and an application's OpenTelemetry do not see each other. An application
//! that wants one tree *composes* them: it gives [`Sdk::span_processor`] to its own tracer
//! provider, or installs [`Sdk::tracing_layer`](crate::Sdk::tracing_layer) (feature `tracing`) among its `tracing` layers.
//! From then on
//!
//! * an observation begins inside of the application's active span, and a span inside of the current
//!   observation: they share a trace;
//! * of the application's spans those about LLMs are sent too ([`is_default_export_span`], or a
//!   choice of the program's own), with those between them and an observation around them, of which
//!   only names, times and statuses leave. An HTTP server's and a database's own spans stay;
//! * they carry user, session, tags and the other trace attributes of where they began.
//!
//! Observations themselves go to Langfuse only, not to the application's other back-ends.
//!
//! ```
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//!
//! let sdk = warmspan::sdk();
//! let provider = SdkTracerProvider::builder()
//!     // ... the application's own processors ...
//!     .with_span_processor(sdk.span_processor())
//!     .build();
//! warmspan::opentelemetry::global::set_tracer_provider(provider);
//! ```
//!
//! Compose early in `main`: what is current already when it happens is not seen by later spans.

mod filter;
mod foreign;
mod live;
mod processor;
#[cfg(feature = "tracing")]
mod tracing_layer;

pub use filter::is_default_export_span;
pub(crate) use live::LiveSpans;
pub use processor::LlmSpanProcessor;

use crate::Sdk;

impl Sdk {
    /// A processor for the application's own tracer provider: see [`composition`](self).
    ///
    /// Where tracing is off it does nothing.
    pub fn span_processor(&self) -> LlmSpanProcessor {
        LlmSpanProcessor::new(self)
    }
}
