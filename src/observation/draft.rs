//! One observation while it is open: everything said of it, merged, written to its span once.

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{
    Key, KeyValue, Value,
    trace::{Span as _, SpanContext, Status},
};
use opentelemetry_sdk::trace::Span;

use super::{Level, Usage, attributes, value};

/// The open draft of an observation.
#[derive(Debug)]
pub(super) struct Draft {
    span: Span,
    attributes: Vec<KeyValue>,
    level: Option<Level>,
    status_message: Option<String>,
    usage: Option<Usage>,
}

impl Draft {
    pub(super) fn new(span: Span, attributes: Vec<KeyValue>) -> Self {
        Self {
            span,
            attributes,
            level: None,
            status_message: None,
            usage: None,
        }
    }

    pub(super) fn span_context(&self) -> &SpanContext {
        self.span.span_context()
    }

    /// Sets an attribute; a later value replaces an earlier one. The span itself would keep both.
    pub(super) fn set(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        match self
            .attributes
            .iter_mut()
            .find(|attribute| attribute.key == key)
        {
            Some(attribute) => attribute.value = value,
            None => self.attributes.push(KeyValue::new(key, value)),
        }
    }

    pub(super) fn unset(&mut self, key: &str) {
        self.attributes
            .retain(|attribute| attribute.key.as_str() != key);
    }

    pub(super) fn set_name(&mut self, name: Cow<'static, str>) {
        self.span.update_name(name);
    }

    pub(super) fn set_level(&mut self, level: Level) {
        self.level = Some(level);
    }

    pub(super) fn level(&self) -> Option<Level> {
        self.level
    }

    pub(super) fn set_usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    pub(super) fn set_status_message(&mut self, message: String) {
        self.status_message = Some(message);
    }

    /// Writes the draft to its span and ends it.
    pub(super) fn finish(mut self, end: Option<SystemTime>) {
        if let Some(level) = self.level {
            self.set(attributes::LEVEL, level.as_str());
        }
        if let Some(usage) = self.usage.take() {
            self.set(attributes::USAGE_DETAILS, value::json(&usage));
        }
        if self.level == Some(Level::Error) {
            let description = self.status_message.clone().unwrap_or_default();
            self.span.set_status(Status::error(description));
        }
        if let Some(message) = self.status_message.take() {
            self.set(attributes::STATUS_MESSAGE, message);
        }
        self.span
            .set_attributes(std::mem::take(&mut self.attributes));
        match end {
            Some(end) => self.span.end_with_timestamp(end),
            None => self.span.end(),
        }
    }
}
