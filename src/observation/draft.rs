//! One observation while it is open: everything said of it, merged.

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{Key, KeyValue, Value, trace::Status};
use opentelemetry_sdk::trace::SpanData;

use super::{Level, ObservationType, Usage, attributes, trace_attributes::Propagated, value};

/// The open draft of an observation.
#[derive(Debug)]
pub(super) struct Draft {
    span: SpanData,
    /// Of each of the first attributes, in their order.
    marks: [Mark; MARKED],
    kind: ObservationType,
    level: Option<Level>,
    status_message: Option<String>,
    usage: Option<Usage>,
    has_own_prompt: bool,
}

impl Draft {
    pub(super) fn new(span: SpanData, kind: ObservationType) -> Self {
        Self {
            marks: marks(&span.attributes),
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
        let mark = mark(&key);
        let attributes = &mut self.span.attributes;
        let marked = self.marks.iter().zip(attributes.iter());
        let known = marked
            .enumerate()
            .find(|(_, (known, attribute))| **known == mark && attribute.key == key)
            .map(|(at, _)| at)
            .or_else(|| {
                let mut rest = attributes.iter().skip(MARKED);
                rest.position(|attribute| attribute.key == key)
                    .map(|at| at + MARKED)
            });
        if let Some(attribute) = known.and_then(|at| attributes.get_mut(at)) {
            attribute.value = value;
            return;
        }
        if let Some(free) = self.marks.get_mut(attributes.len()) {
            *free = mark;
        }
        attributes.push(KeyValue::new(key, value));
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
        self.marks = marks(&self.span.attributes);
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

/// What tells most keys apart: their lengths and last bytes. Looking at the keys themselves would be
/// most of what an attribute costs.
type Mark = u16;

/// Attributes that are marked; more than most observations have.
const MARKED: usize = 24;

fn mark(key: &Key) -> Mark {
    let bytes = key.as_str().as_bytes();
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    u16::from_be_bytes([length, bytes.last().copied().unwrap_or_default()])
}

fn marks(attributes: &[KeyValue]) -> [Mark; MARKED] {
    let mut marks = [0; MARKED];
    for (free, attribute) in marks.iter_mut().zip(attributes) {
        *free = mark(&attribute.key);
    }
    marks
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use opentelemetry::{
        InstrumentationScope,
        trace::{SpanContext, SpanId, SpanKind},
    };
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    fn draft() -> Draft {
        let now = SystemTime::UNIX_EPOCH;
        let span = SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: Cow::Borrowed("draft"),
            start_time: now,
            end_time: now,
            attributes: vec![KeyValue::new("given", "0")],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        };
        Draft::new(span, ObservationType::Span)
    }

    #[test]
    fn a_later_value_replaces_an_earlier_one_however_many_there_are() {
        let mut draft = draft();
        // Keys of the same length and last byte among them.
        let keys: Vec<_> = (0..60).map(|number| format!("{number:02}.key")).collect();
        for round in 0..2 {
            for key in &keys {
                draft.set(key.clone(), round);
            }
            draft.set("given", round);
            draft.unset("07.key");
        }
        let attributes = &draft.span.attributes;
        assert_eq!(attributes.len(), 60);
        assert!(
            attributes
                .iter()
                .all(|attribute| attribute.value == Value::I64(1))
        );
    }
}
