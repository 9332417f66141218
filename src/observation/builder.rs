//! How an observation begins.

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt as _, TraceId, Tracer as _},
};

use super::{
    Observation, ObservationType, attributes, current, draft::Draft, trace_attributes::Propagated,
};
use crate::Sdk;

/// An observation that has not begun. Made by [`Sdk::observation`].
///
/// ```
/// use warmspan::{ObservationType, Sdk};
///
/// let sdk = Sdk::disabled();
/// let search = sdk.observation("search").as_type(ObservationType::Retriever).start();
/// search.output("three documents").end();
/// ```
#[derive(Debug)]
#[must_use = "nothing is recorded until `start`"]
pub struct ObservationBuilder<'a> {
    sdk: &'a Sdk,
    name: Cow<'static, str>,
    kind: ObservationType,
    start_time: Option<SystemTime>,
    parent: Parent,
    links: Vec<Link>,
    trace_id: Option<TraceId>,
}

#[derive(Debug)]
enum Parent {
    Current,
    Observation(Observation),
    Span(SpanContext),
    None,
}

impl<'a> ObservationBuilder<'a> {
    pub(crate) fn new(sdk: &'a Sdk, name: Cow<'static, str>) -> Self {
        Self {
            sdk,
            name,
            kind: ObservationType::default(),
            start_time: None,
            parent: Parent::Current,
            links: Vec::new(),
            trace_id: None,
        }
    }

    /// What it is. A span, if nothing is said.
    pub fn as_type(mut self, kind: ObservationType) -> Self {
        self.kind = kind;
        self
    }

    /// When it began. Now, if nothing is said.
    pub fn start_time(mut self, time: SystemTime) -> Self {
        self.start_time = Some(time);
        self
    }

    /// Inside of which observation. The current one, if nothing is said.
    pub fn parent(mut self, parent: &Observation) -> Self {
        self.parent = Parent::Observation(parent.clone());
        self
    }

    /// Inside of a span of another process, or of another OpenTelemetry pipeline.
    pub fn parent_span(mut self, parent: SpanContext) -> Self {
        self.parent = if parent.is_valid() {
            Parent::Span(parent)
        } else {
            Parent::None
        };
        self
    }

    /// Inside of none: it begins a trace.
    pub fn root(mut self) -> Self {
        self.parent = Parent::None;
        self
    }

    /// Begins a trace with an id of your own choice, from
    /// [`create_trace_id`](crate::create_trace_id) for instance.
    pub fn trace_id(mut self, id: TraceId) -> Self {
        self.parent = Parent::None;
        self.trace_id = Some(id).filter(|id| *id != TraceId::INVALID);
        self
    }

    /// Related to a span of another trace.
    pub fn link(mut self, other: SpanContext) -> Self {
        self.links.push(Link::with_context(other));
        self
    }

    /// Begins it. It does not become the current observation by that.
    #[must_use = "an observation ends when its last handle is dropped"]
    pub fn start(self) -> Observation {
        let Some(tracer) = self.sdk.tracer() else {
            return Observation::disabled();
        };
        let (parent, enclosing) = match self.parent {
            Parent::Current => {
                let current = Observation::current().filter(|current| current.is_of(self.sdk));
                (
                    current
                        .as_ref()
                        .map(|current| current.span_context().clone()),
                    current,
                )
            }
            Parent::Observation(parent) if parent.is_disabled() => (None, None),
            Parent::Observation(parent) => (Some(parent.span_context().clone()), Some(parent)),
            Parent::Span(parent) => (Some(parent), None),
            Parent::None => (None, None),
        };
        // Also under a span of another process: the server then knows what is this application's.
        let is_app_root = enclosing.is_none();
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        let start = self.start_time.unwrap_or_else(SystemTime::now);
        let mut builder = SpanBuilder::from_name(attributes::name(self.name))
            .with_kind(SpanKind::Internal)
            .with_start_time(start);
        builder.links = (!self.links.is_empty()).then_some(self.links);
        // Nothing yet but room: the draft is written at the end, and the list need not grow then.
        builder.attributes = Some(Vec::with_capacity(EXPECTED_ATTRIBUTES));
        let span = crate::sdk::with_trace_id(self.trace_id, || {
            tracer.build_with_context(builder, &context)
        });

        let propagated = propagated(enclosing.as_ref());
        let mut attributes = Vec::with_capacity(EXPECTED_ATTRIBUTES);
        attributes.push(KeyValue::new(attributes::TYPE, self.kind.as_str()));
        if is_app_root {
            attributes.push(KeyValue::new(attributes::IS_APP_ROOT, true));
        }
        attributes.extend_from_slice(self.sdk.common_attributes());
        let mut draft = Draft::new(span, self.kind, start, attributes);
        if let Some(propagated) = &propagated {
            let mask = self.sdk.settings().mask.as_ref();
            draft.set_all(propagated, &propagated.attributes(mask));
        }
        Observation::open(
            self.sdk.clone(),
            draft,
            self.kind,
            enclosing.as_ref(),
            propagated,
        )
    }
}

/// What holds for the trace: what the context says, unless the context is another trace's.
fn propagated(enclosing: Option<&Observation>) -> Option<Propagated> {
    let is_elsewhere = |enclosing: &Observation| {
        current::with_current(|current| {
            current.is_some_and(|current| current.trace_id() != enclosing.trace_id())
        })
    };
    match enclosing {
        Some(enclosing) if is_elsewhere(enclosing) => enclosing.propagated().cloned(),
        _ => Propagated::current().or_else(|| enclosing?.propagated().cloned()),
    }
}

/// Room for what an observation usually says, so that the list seldom grows.
const EXPECTED_ATTRIBUTES: usize = 16;
