//! The current observation: a value in the OpenTelemetry context.
//!
//! It is not put into the context's span slot, because an application's own spans would then take
//! our trace ids and become children of spans that their back-end never receives.

use opentelemetry::Context;

use super::Observation;

/// The entry in the context.
struct Current(Observation);

/// The current context with `observation` as the current one.
pub(crate) fn context_with(observation: &Observation) -> Context {
    Context::current_with_value(Current(observation.clone()))
}

/// Looks at the current observation.
pub(crate) fn with_current<R>(look: impl FnOnce(Option<&Observation>) -> R) -> R {
    Context::map_current(|context| look(context.get::<Current>().map(|current| &current.0)))
}
