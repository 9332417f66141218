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
mod json_cut;
mod kind;
mod names;
mod privacy;
mod score;
mod trace_attributes;
mod usage;
pub(crate) mod value;

pub use builder::ObservationBuilder;
pub use content::Content;
pub(crate) use content::{Captured, TextCapture};
pub(crate) use current::{context_with, current_in, with_current};
pub(crate) use future::EndGuard;
pub use future::{InObservation, ObserveFuture, Observed, RecordErr};
pub use handle::Observation;
pub(crate) use handle::WeakObservation;
pub use kind::{Level, ObservationType};
pub use names::{
    create_observation_id, create_trace_id, current_observation_id, current_trace_id, get_client,
    propagate_attributes, start_active_observation, start_observation, update_current_generation,
    update_current_observation,
};
pub(crate) use privacy::{Mask, Redaction, redact_keys, shown_value};
pub use score::{Score, score_current_observation, score_current_trace};
pub(crate) use trace_attributes::Propagated;
pub use trace_attributes::TraceAttributes;
pub use usage::Usage;
