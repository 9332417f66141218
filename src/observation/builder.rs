//! How an observation begins.

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{
    KeyValue,
    trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceId},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::{
    Observation, ObservationType, attributes, current, draft::Draft, trace_attributes::Propagated,
};
use crate::{
    Sdk,
    composition::{SpanKey, key},
};

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
    /// The application's span around it, where the two are composed.
    Active,
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

    /// The root of what this application does for a request: inside of the application's own span
    /// around it where the two are composed, of none elsewhere.
    pub(crate) fn app_root(mut self) -> Self {
        self.parent = Parent::Active;
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
        let Some(pipeline) = self.sdk.pipeline() else {
            return Observation::disabled();
        };
        let mut around = self.around();
        let context = pipeline.span_context(around.parent.as_ref(), self.trace_id);
        if self.sdk.live_spans().is_composed() {
            around.compose(self.sdk, key(&context), self.kind);
        }
        let propagated = propagated(around.enclosing.as_ref());
        let mut attributes = Vec::with_capacity(EXPECTED_ATTRIBUTES);
        attributes.push(KeyValue::new(attributes::TYPE, self.kind.as_str()));
        if around.is_app_root {
            pipeline.root_begins(&context);
            attributes.push(KeyValue::new(attributes::IS_APP_ROOT, true));
        }
        attributes.extend_from_slice(self.sdk.common_attributes());
        let start = self.start_time.unwrap_or_else(SystemTime::now);
        let mut links = SpanLinks::default();
        links.links = self.links;
        let span = SpanData {
            span_context: context.clone(),
            parent_span_id: around
                .parent
                .as_ref()
                .map_or(SpanId::INVALID, SpanContext::span_id),
            parent_span_is_remote: around.parent.as_ref().is_some_and(SpanContext::is_remote),
            span_kind: SpanKind::Internal,
            name: attributes::name(self.name),
            start_time: start,
            end_time: start,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: Status::Unset,
            instrumentation_scope: pipeline.scope().clone(),
        };
        let mut draft = Draft::new(span, self.kind);
        if let Some(propagated) = &propagated {
            let mask = self.sdk.settings().mask.as_ref();
            draft.set_all(propagated, &propagated.attributes(mask));
        }
        Observation::open(
            self.sdk.clone(),
            context,
            draft,
            self.kind,
            around.enclosing.as_ref(),
            propagated,
        )
    }

    fn around(&self) -> Around {
        match &self.parent {
            Parent::Current => {
                let current = Observation::current().filter(|current| current.is_of(self.sdk));
                match current::active_span(self.sdk) {
                    Some(active) => Around {
                        enclosing: current
                            .filter(|current| current.trace_id() == active.trace_id()),
                        parent: Some(active),
                        is_app_root: false,
                    },
                    None => Around::observation(current, self.sdk),
                }
            }
            Parent::Active => Around {
                parent: current::active_span(self.sdk),
                enclosing: None,
                is_app_root: true,
            },
            Parent::Observation(parent) => {
                Around::observation((!parent.is_disabled()).then(|| parent.clone()), self.sdk)
            }
            // Also under a span of another process: the server then knows what is this application's.
            Parent::Span(parent) => Around {
                parent: Some(parent.clone()),
                enclosing: None,
                is_app_root: true,
            },
            Parent::None => Around::observation(None, self.sdk),
        }
    }
}

/// Where an observation begins.
struct Around {
    parent: Option<SpanContext>,
    enclosing: Option<Observation>,
    is_app_root: bool,
}

impl Around {
    /// Inside of an observation, or of none.
    fn observation(enclosing: Option<Observation>, sdk: &Sdk) -> Self {
        Self {
            parent: enclosing
                .as_ref()
                .map(|enclosing| enclosing.span_context().clone()),
            // Another SDK's project does not have what is sent here.
            is_app_root: !enclosing.as_ref().is_some_and(|around| around.is_of(sdk)),
            enclosing,
        }
    }

    /// Finds its place among the application's spans.
    fn compose(&mut self, sdk: &Sdk, own: SpanKey, kind: ObservationType) {
        let live = sdk.live_spans();
        let parent = self.parent.as_ref().map(key);
        let has_sent_parent = live.begin_observation(own, parent, kind.is_model_call());
        let is_known = parent.is_some_and(|parent| live.knows(parent));
        if is_known && !has_sent_parent {
            // A span that nobody sends, and the server shows a trace by the span without a parent.
            self.parent = None;
            self.is_app_root = true;
        }
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
