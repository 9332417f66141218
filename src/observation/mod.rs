//! What happened between the request and the response: spans, generations, events, tools.
//!
//! An [`Observation`] is a handle to one typed draft. Setters merge into the draft; when the
//! observation ends, the draft is written to its OpenTelemetry span once. The current observation
//! is a value in the OpenTelemetry [`Context`](opentelemetry::Context), so it survives `.await`,
//! and [`tokio::spawn`] with [`ObserveFuture::in_current_observation`].

pub(crate) mod attributes;
mod builder;
mod content;
mod current;
mod draft;
mod future;
mod handle;
mod kind;
mod redaction;
mod usage;
pub(crate) mod value;

pub use builder::ObservationBuilder;
pub use content::Content;
pub(crate) use content::{Captured, TextCapture};
pub(crate) use current::{context_with, with_current};
pub(crate) use future::EndGuard;
pub use future::{InObservation, ObserveFuture, Observed};
pub use handle::Observation;
pub use kind::{Level, ObservationType};
pub(crate) use redaction::redact_keys;
pub use usage::Usage;
