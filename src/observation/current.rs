//! The current observation: a value in the OpenTelemetry context.
//!
//! It is not put into the context's span slot, because an application's own spans would then take
//! our trace ids and become children of spans that their back-end never receives.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::Context;

use super::Observation;

/// The entry in the context.
struct Current(Observation);

/// The current context with `observation` as the current one.
pub(crate) fn context_with(observation: &Observation) -> Context {
    EVER_CURRENT.store(true, Ordering::Relaxed);
    Context::current_with_value(Current(observation.clone()))
}

/// Looks at the current observation.
#[inline]
pub(crate) fn with_current<R>(look: impl FnOnce(Option<&Observation>) -> R) -> R {
    if !EVER_CURRENT.load(Ordering::Relaxed) {
        return look(None);
    }
    Context::map_current(|context| look(context.get::<Current>().map(|current| &current.0)))
}

/// Whether there has been a current observation in this process. Where tracing is off there never
/// is one, and looking for it would be most of what an observed call costs. Relaxed is enough: a
/// context that is handed to another thread brings the store with it.
static EVER_CURRENT: AtomicBool = AtomicBool::new(false);
