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
use crate::{Sdk, composition::key};

/// The entry in the context.
struct Current(Observation);

/// The current context with `observation` as the current one.
pub(crate) fn context_with(observation: &Observation) -> Context {
    EVER_CURRENT.store(true, Ordering::Relaxed);
    let context = Context::current_with_value(Current(observation.clone()));
    if !observation.sdk().live_spans().is_composed() || observation.is_disabled() {
        return context;
    }
    // Whether the application's spans are sampled is not ours to say.
    let own = observation.span_context();
    let flags = match context.span().span_context() {
        around if around.is_valid() => around.trace_flags(),
        _ => own.trace_flags().with_sampled(true),
    };
    let slot = SpanContext::new(
        own.trace_id(),
        own.span_id(),
        flags,
        false,
        own.trace_state().clone(),
    );
    context.with_remote_span_context(slot)
}

/// What is in the current context's span slot where `sdk` is composed with an application's spans: one
/// of those, or an observation of `sdk`'s. `None` if it has ended, or is nothing that `sdk` knows of.
pub(super) fn active_span(sdk: &Sdk) -> Option<SpanContext> {
    let live = sdk.live_spans();
    if !live.is_composed() {
        return None;
    }
    Context::map_current(|context| {
        let active = context.span().span_context().clone();
        (active.is_valid() && live.knows(key(&active))).then_some(active)
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
