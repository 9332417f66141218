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
//!   choice of the program's own), with those between them and something around them that is sent, of
//!   which only names, times and statuses leave. An HTTP server's and a database's own spans stay;
//! * what they say obeys [`Content`](crate::Content), redaction and the mask as other automatic
//!   captures do: of their texts only known facts (models, tokens, ids) are no content;
//! * they carry user, session, tags and the other trace attributes of where they began;
//! * the first of what is sent in a trace has no parent in Langfuse, whatever is around it here.
//!
//! Observations themselves go to Langfuse only. An application's other back-ends see its spans inside of
//! an observation as children of a span that they do not have. Its sampler decides about its spans
//! as before; Langfuse's sampling about what goes to Langfuse.
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
//! Whether a span is about LLMs should be said when it begins, as `rig` and `genai` do: what it says later
//! is seen at its end, when the spans inside of it have left without it.
//!
//! Compose early in `main`: what is current already when it happens is not seen by later spans.
//! A `tracing` span that was made outside of an observation and is entered inside of it hides it, as
//! it hides any other span: make it inside, or instrument the outer future.

mod filter;
mod foreign;
mod live;
mod processor;
#[cfg(feature = "tracing")]
mod tracing_layer;

pub use filter::is_default_export_span;
pub(crate) use live::{LiveSpans, SpanKey, key};
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
