//! The current observation: a value in the OpenTelemetry context.
//!
//! It is not put into the context's span slot, because an application's own spans would then take
//! our trace ids and become children of spans that their back-end never receives: unless the
//! application asked for one tree, by [composing](crate::composition) them.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt as _},
};

use super::Observation;

/// The entry in the context.
struct Current(Observation);

/// The current context with `observation` as the current one.
pub(crate) fn context_with(observation: &Observation) -> Context {
    EVER_CURRENT.store(true, Ordering::Relaxed);
    let context = Context::current_with_value(Current(observation.clone()));
    if observation.sdk().live_spans().is_composed() && !observation.is_disabled() {
        return context.with_remote_span_context(observation.span_context().clone());
    }
    context
}

/// What is in the current context's span slot: an application's span, or an observation where the two
/// are composed.
pub(crate) fn active_span() -> Option<SpanContext> {
    Context::map_current(|context| {
        let active = context.span().span_context().clone();
        active.is_valid().then_some(active)
    })
}

/// The observation that is current in a context.
pub(crate) fn current_in(context: &Context) -> Option<&Observation> {
    context.get::<Current>().map(|current| &current.0)
}

/// Looks at the current observation.
#[inline]
pub(crate) fn with_current<R>(look: impl FnOnce(Option<&Observation>) -> R) -> R {
    if !EVER_CURRENT.load(Ordering::Relaxed) {
        return look(None);
    }
    Context::map_current(|context| look(current_in(context)))
}

/// Whether there has been a current observation in this process. Where tracing is off there never
/// is one, and looking for it would be most of what an observed call costs. Relaxed is enough: a
/// context that is handed to another thread brings the store with it.
static EVER_CURRENT: AtomicBool = AtomicBool::new(false);
