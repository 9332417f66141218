//! How an observation begins.

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt as _, Tracer as _},
};

use super::{Observation, ObservationType, attributes, current, draft::Draft};
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
}

#[derive(Debug)]
enum Parent {
    Current,
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
        self.parent = Parent::Span(parent.span_context().clone());
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

    /// Related to a span of another trace.
    pub fn link(mut self, other: SpanContext) -> Self {
        self.links.push(Link::with_context(other));
        self
    }

    /// Begins it. It does not become the current observation by that.
    pub fn start(self) -> Observation {
        let Some(tracer) = self.sdk.tracer() else {
            return Observation::disabled();
        };
        let parent = match self.parent {
            Parent::Current => current::with_current(|current| {
                current
                    .filter(|current| current.is_of(self.sdk))
                    .map(|current| current.span_context().clone())
            }),
            Parent::Span(parent) => Some(parent),
            Parent::None => None,
        };
        let is_root = parent.is_none();
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        let mut builder = SpanBuilder::from_name(self.name).with_kind(SpanKind::Internal);
        builder.start_time = self.start_time;
        builder.links = (!self.links.is_empty()).then_some(self.links);
        let span = tracer.build_with_context(builder, &context);

        let mut attributes = Vec::with_capacity(EXPECTED_ATTRIBUTES);
        attributes.push(KeyValue::new(attributes::TYPE, self.kind.as_str()));
        let settings = self.sdk.settings();
        if let Some(environment) = &settings.environment {
            attributes.push(KeyValue::new(attributes::ENVIRONMENT, environment.clone()));
        }
        if let Some(release) = &settings.release {
            attributes.push(KeyValue::new(attributes::RELEASE, release.clone()));
        }
        if is_root {
            attributes.push(KeyValue::new(attributes::IS_APP_ROOT, true));
        }
        Observation::open(self.sdk.clone(), Draft::new(span, attributes), self.kind)
    }
}

/// Room for what an observation usually says, so that the list seldom grows.
const EXPECTED_ATTRIBUTES: usize = 16;
