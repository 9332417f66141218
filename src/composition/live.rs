//! The application's spans that are open: what must be known of a span when a child of it ends.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use opentelemetry::trace::{SpanContext, SpanId, TraceId};

use crate::observation::Propagated;

/// Names a span.
pub(crate) type SpanKey = (TraceId, SpanId);

/// One open span of the application.
#[derive(Debug)]
pub(super) struct LiveSpan {
    pub(super) parent: Parent,
    /// Whether an observation is somewhere around it.
    pub(super) is_below_observation: bool,
    /// Whether it will be sent: it is about LLMs as far as was known when it began, or something
    /// inside of it is sent and needs it to hang from.
    pub(super) is_sent: bool,
    /// Whether an observation inside of it is a model call that counts its own tokens.
    pub(super) has_model_call_inside: bool,
    pub(super) propagated: Option<Propagated>,
}

/// What a span hangs from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parent {
    /// Nothing that is sent by anybody.
    None,
    /// Another span of the application.
    Span(SpanKey),
    /// An observation.
    Observation,
    /// A span of another process, which says that it sends it.
    Claimed,
}

/// The open spans of every provider that an SDK is composed with.
#[derive(Debug, Default)]
pub(crate) struct LiveSpans {
    is_composed: AtomicBool,
    spans: Mutex<HashMap<SpanKey, LiveSpan>>,
}

impl LiveSpans {
    /// Whether the SDK is composed with an application's spans.
    #[inline]
    pub(crate) fn is_composed(&self) -> bool {
        self.is_composed.load(Ordering::Relaxed)
    }

    pub(super) fn compose(&self) {
        self.is_composed.store(true, Ordering::Relaxed);
    }

    pub(super) fn begin(&self, key: SpanKey, span: LiveSpan) {
        self.spans().insert(key, span);
    }

    /// `None` for a span that was never seen, or seen ending already: by a second processor.
    pub(super) fn end(&self, key: SpanKey) -> Option<LiveSpan> {
        self.spans().remove(&key)
    }

    /// An observation begins inside of the span `around`. Whether that one will be sent, so that it
    /// is no root.
    pub(crate) fn observation_begins(
        &self,
        around: &SpanContext,
        is_below_observation: bool,
        is_model_call: bool,
    ) -> bool {
        let key = (around.trace_id(), around.span_id());
        let mut spans = self.spans();
        let is_sent = spans.get(&key).is_some_and(|span| span.is_sent);
        visit(&mut spans, Parent::Span(key), |span| {
            span.is_sent |= is_below_observation;
            span.has_model_call_inside |= is_model_call;
        });
        is_sent || is_below_observation
    }

    /// A span that is sent has ended. Whether it is the root of what is sent.
    pub(super) fn sent(&self, span: &LiveSpan) -> bool {
        let mut spans = self.spans();
        if span.is_below_observation {
            visit(&mut spans, span.parent, |ancestor| ancestor.is_sent = true);
        }
        match span.parent {
            Parent::None => true,
            Parent::Span(key) => !spans.get(&key).is_some_and(|parent| parent.is_sent),
            Parent::Observation | Parent::Claimed => false,
        }
    }

    fn spans(&self) -> MutexGuard<'_, HashMap<SpanKey, LiveSpan>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Visits the open spans from `next` upwards.
fn visit(
    spans: &mut HashMap<SpanKey, LiveSpan>,
    mut next: Parent,
    mut look: impl FnMut(&mut LiveSpan),
) {
    while let Parent::Span(key) = next
        && let Some(span) = spans.get_mut(&key)
    {
        look(span);
        next = span.parent;
    }
}
