//! One observation while it is open: everything said of it, merged.

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{Key, KeyValue, Value, trace::Status};
use opentelemetry_sdk::trace::SpanData;

use super::{Level, ObservationType, Usage, attributes, trace_attributes::Propagated, value};

/// The open draft of an observation.
#[derive(Debug)]
pub(super) struct Draft {
    span: SpanData,
    kind: ObservationType,
    level: Option<Level>,
    status_message: Option<String>,
    usage: Option<Usage>,
    has_own_prompt: bool,
}

impl Draft {
    pub(super) fn new(span: SpanData, kind: ObservationType) -> Self {
        Self {
            span,
            kind,
            level: None,
            status_message: None,
            usage: None,
            has_own_prompt: false,
        }
    }

    /// Sets an attribute; a later value replaces an earlier one.
    pub(super) fn set(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        match self
            .span
            .attributes
            .iter_mut()
            .find(|attribute| is_same(&attribute.key, &key))
        {
            Some(attribute) => attribute.value = value,
            None => self.span.attributes.push(KeyValue::new(key, value)),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.span
            .attributes
            .iter()
            .any(|attribute| attribute.key.as_str() == key)
    }

    pub(super) fn unset(&mut self, key: &str) {
        self.span
            .attributes
            .retain(|attribute| attribute.key.as_str() != key);
    }

    /// Sets what holds for the whole trace. A prompt of the observation's own stays.
    pub(super) fn set_all(&mut self, propagated: &Propagated, attributes: &[KeyValue]) {
        for attribute in attributes {
            self.set(attribute.key.clone(), attribute.value.clone());
        }
        if let Some((name, version)) = propagated.prompt()
            && self.kind == ObservationType::Generation
            && !self.has_own_prompt
        {
            self.set(attributes::PROMPT_NAME, name.clone());
            self.set(attributes::PROMPT_VERSION, *version);
        }
    }

    pub(super) fn set_prompt(&mut self, name: String, version: i64) {
        self.has_own_prompt = true;
        self.set(attributes::PROMPT_NAME, name);
        self.set(attributes::PROMPT_VERSION, version);
    }

    pub(super) fn set_name(&mut self, name: Cow<'static, str>) {
        self.span.name = name;
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

    /// The finished span, and whether it tells tokens itself. `is_counted_inside` says that a model
    /// call inside has told its tokens.
    pub(super) fn finish(
        mut self,
        end: Option<SystemTime>,
        is_counted_inside: bool,
    ) -> (SpanData, bool) {
        let usage = self.usage.take().or_else(|| self.usage_in_metadata());
        let tells_usage = self.kind.is_model_call() && usage.is_some();
        self.write_usage(usage, is_counted_inside);
        if let Some(level) = self.level {
            self.set(attributes::LEVEL, level.as_str());
        }
        if self.level == Some(Level::Error) {
            let description = self.status_message.clone().unwrap_or_default();
            self.span.status = Status::error(description);
        }
        if let Some(message) = self.status_message.take() {
            self.set(attributes::STATUS_MESSAGE, message);
        }
        let start = self.span.start_time;
        self.span.end_time = match end {
            Some(end) => end.max(start),
            // An event is a point in time.
            None if self.kind == ObservationType::Event => start,
            // The clock of the system may have been set back meanwhile.
            None => SystemTime::now().max(start),
        };
        (self.span, tells_usage)
    }

    /// Around a model call that told its tokens, an observed function of the same type must count
    /// none, or Langfuse would add them up; and say so, or it would count them from the texts.
    fn write_usage(&mut self, usage: Option<Usage>, is_counted_inside: bool) {
        if self.kind.is_model_call() && is_counted_inside {
            if let Some(usage) = usage {
                self.set(
                    format!("{}.usage_details", attributes::METADATA),
                    value::json(&usage),
                );
            }
            self.set(
                attributes::USAGE_DETAILS,
                value::json(&Usage::new().total(0)),
            );
        } else if let Some(usage) = usage {
            self.set(attributes::USAGE_DETAILS, value::json(&usage));
        }
    }

    /// Token counts that were given as metadata, as users of the Python SDK do.
    fn usage_in_metadata(&self) -> Option<Usage> {
        if !self.kind.is_model_call() {
            return None;
        }
        let count = |name: &str| {
            let attribute = self.span.attributes.iter().find(|attribute| {
                let key = attribute.key.as_str();
                key.strip_prefix(attributes::METADATA)
                    .and_then(|key| key.strip_prefix('.'))
                    == Some(name)
            })?;
            attribute.value.as_str().trim().parse::<u64>().ok()
        };
        let buckets = [
            ("input", "input_tokens"),
            ("output", "output_tokens"),
            ("total", "total_tokens"),
        ];
        let usage = buckets
            .into_iter()
            .filter_map(|(bucket, name)| Some((bucket, count(name)?)))
            .fold(Usage::new(), |usage, (bucket, tokens)| {
                usage.with(bucket, tokens)
            });
        (!usage.is_empty()).then_some(usage)
    }
}

/// Keys begin alike and end differently, so their ends are compared first.
fn is_same(one: &Key, other: &Key) -> bool {
    let (one, other) = (one.as_str().as_bytes(), other.as_str().as_bytes());
    one.len() == other.len() && one.last() == other.last() && one == other
}
