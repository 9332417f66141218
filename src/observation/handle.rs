//! The handle of an observation.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use opentelemetry::{
    Value,
    trace::{SpanContext, SpanId, TraceId},
};
use serde::Serialize;

use super::{
    Captured, Content, Level, ObservationBuilder, ObservationType, Usage, attributes, current,
    draft::Draft, value,
};
use crate::Sdk;

/// A handle to one observation. Cheap to clone; every clone speaks of the same one.
///
/// Setters may be called in any order and any number of times until it ends: a later value
/// replaces an earlier one, metadata merges by key. It ends with [`end`](Self::end), or when the
/// last handle is dropped. A handle of a disabled SDK does nothing and costs nothing.
///
/// ```
/// use warmspan::{Sdk, Usage};
///
/// # let sdk = Sdk::disabled();
/// let generation = sdk.generation("summarise");
/// generation.model("gpt-5-mini").input("a long text");
/// // ... call the model ...
/// generation.output("a short text").usage(Usage::new().input(120).output(9)).end();
/// ```
#[derive(Clone)]
pub struct Observation(Option<Arc<Shared>>);

struct Shared {
    sdk: Sdk,
    span_context: SpanContext,
    kind: ObservationType,
    /// `None` once ended.
    draft: Mutex<Option<Draft>>,
}

impl Observation {
    /// The observation inside of which this code runs, if any.
    pub fn current() -> Option<Self> {
        current::with_current(|current: Option<&Self>| current.cloned())
    }

    /// Says what it is about: strings are recorded as they are, the rest as JSON.
    pub fn input<T: Serialize + ?Sized>(&self, input: &T) -> &Self {
        self.text(
            attributes::INPUT,
            (attributes::INPUT_CHARS, attributes::INPUT_KEPT),
            || value::capture(input, Content::MAX_CHARS),
        )
    }

    /// Says what came out of it: strings are recorded as they are, the rest as JSON.
    pub fn output<T: Serialize + ?Sized>(&self, output: &T) -> &Self {
        self.text(
            attributes::OUTPUT,
            (attributes::OUTPUT_CHARS, attributes::OUTPUT_KEPT),
            || value::capture(output, Content::MAX_CHARS),
        )
    }

    /// An input that the library captured by itself, already cut.
    pub(crate) fn captured_input(&self, captured: Captured) -> &Self {
        self.text(
            attributes::INPUT,
            (attributes::INPUT_CHARS, attributes::INPUT_KEPT),
            || Some(captured),
        )
    }

    /// An output that the library captured by itself, already cut.
    pub(crate) fn captured_output(&self, captured: Captured) -> &Self {
        self.text(
            attributes::OUTPUT,
            (attributes::OUTPUT_CHARS, attributes::OUTPUT_KEPT),
            || Some(captured),
        )
    }

    /// An input that is JSON and says by itself where it was cut.
    pub(crate) fn captured_json_input(&self, captured: Captured) -> &Self {
        self.update(|draft| {
            let counts = (attributes::INPUT_CHARS, attributes::INPUT_KEPT);
            keep(draft, attributes::INPUT, counts, captured);
        })
    }

    /// An output that is JSON and says by itself where it was cut.
    pub(crate) fn captured_json_output(&self, captured: Captured) -> &Self {
        self.update(|draft| {
            let counts = (attributes::OUTPUT_CHARS, attributes::OUTPUT_KEPT);
            keep(draft, attributes::OUTPUT, counts, captured);
        })
    }

    /// The model that was called.
    pub fn model(&self, name: impl Into<String>) -> &Self {
        self.update(|draft| draft.set(attributes::MODEL, name.into()))
    }

    /// What the model was told about how to answer: an object such as `{"temperature": 0.2}`.
    pub fn model_parameters<T: Serialize + ?Sized>(&self, parameters: &T) -> &Self {
        self.update(|draft| draft.set(attributes::MODEL_PARAMETERS, value::json(parameters)))
    }

    /// The tokens that were used.
    pub fn usage(&self, usage: Usage) -> &Self {
        self.update(|draft| draft.set_usage(usage))
    }

    /// What it cost, in US dollars. Without it Langfuse computes the cost from the tokens.
    pub fn cost(&self, total_usd: f64) -> &Self {
        self.update(|draft| {
            if total_usd.is_finite() && total_usd >= 0.0 {
                draft.set(
                    attributes::COST_DETAILS,
                    format!("{{\"total\":{total_usd}}}"),
                );
            }
        })
    }

    /// When the first piece of the answer came.
    pub fn completion_start_time(&self, time: SystemTime) -> &Self {
        self.update(|draft| {
            draft.set(
                attributes::COMPLETION_START_TIME,
                format!("\"{}\"", crate::timestamp::iso8601(time)),
            );
        })
    }

    /// One entry of the metadata: strings as they are, the rest as JSON. `null` removes the entry.
    pub fn metadata<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> &Self {
        self.update(|draft| {
            let attribute = format!("{}.{key}", attributes::METADATA);
            match value::metadata(value) {
                Some(text) => draft.set(attribute, text),
                None => draft.unset(&attribute),
            }
        })
    }

    /// Any OpenTelemetry attribute. Langfuse shows it among the metadata.
    pub fn attribute(&self, key: &'static str, value: impl Into<Value>) -> &Self {
        self.update(|draft| draft.set(key, value))
    }

    /// How it went. [`Level::Error`] also sets the span's status.
    pub fn level(&self, level: Level) -> &Self {
        self.update(|draft| draft.set_level(level))
    }

    /// What to know about how it went, an error's message for instance. Keys in it are redacted.
    pub fn status_message(&self, message: impl Into<String>) -> &Self {
        self.update(|draft| {
            let captured = Captured::of(&message.into(), MAX_STATUS_CHARS);
            draft.set_status_message(captured.text);
        })
    }

    /// The version of what ran.
    pub fn version(&self, version: impl Into<String>) -> &Self {
        self.update(|draft| draft.set(attributes::VERSION, version.into()))
    }

    /// A better name than it began with.
    pub fn name(&self, name: impl Into<Cow<'static, str>>) -> &Self {
        self.update(|draft| draft.set_name(name.into()))
    }

    /// Marks it as failed with `error`'s message.
    pub fn error(&self, error: &(impl fmt::Display + ?Sized)) -> &Self {
        self.update(|draft| {
            draft.set_level(Level::Error);
            draft.set_status_message(Captured::of(&error.to_string(), MAX_STATUS_CHARS).text);
        })
    }

    /// Ends it now. Whatever is said afterwards is ignored.
    pub fn end(&self) {
        self.finish(None);
    }

    /// Ends it at a time in the past.
    pub fn end_at(&self, time: SystemTime) {
        self.finish(Some(time));
    }

    /// Begins an observation inside of this one.
    pub fn observation(&self, name: impl Into<Cow<'static, str>>) -> ObservationBuilder<'_> {
        let sdk = self.sdk();
        ObservationBuilder::new(sdk, name.into()).parent(self)
    }

    /// Runs `body` with this as the current observation. It does not end by that.
    pub fn in_scope<R>(&self, body: impl FnOnce() -> R) -> R {
        if self.0.is_none() {
            return body();
        }
        let _attached = current::context_with(self).attach();
        body()
    }

    /// Whether it is open and what is said of it will be sent.
    pub fn is_recording(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| {
            shared.span_context.is_sampled()
                && shared.draft.lock().is_ok_and(|draft| draft.is_some())
        })
    }

    /// What kind of observation it is.
    pub fn kind(&self) -> ObservationType {
        self.0
            .as_ref()
            .map_or_else(ObservationType::default, |shared| shared.kind)
    }

    /// The trace that it belongs to; all zeros when the SDK is disabled.
    pub fn trace_id(&self) -> TraceId {
        self.span_context().trace_id()
    }

    /// Its own id; all zeros when the SDK is disabled.
    pub fn id(&self) -> SpanId {
        self.span_context().span_id()
    }

    /// Trace id, span id and flags, for propagation to other processes.
    pub fn span_context(&self) -> &SpanContext {
        self.0
            .as_ref()
            .map_or(&SpanContext::NONE, |shared| &shared.span_context)
    }

    /// The SDK that it belongs to.
    pub fn sdk(&self) -> &Sdk {
        self.0
            .as_ref()
            .map_or_else(|| Sdk::disabled_static(), |shared| &shared.sdk)
    }

    pub(crate) fn disabled() -> Self {
        Self(None)
    }

    pub(super) fn open(sdk: Sdk, draft: Draft, kind: ObservationType) -> Self {
        let span_context = draft.span_context().clone();
        Self(Some(Arc::new(Shared {
            sdk,
            span_context,
            kind,
            draft: Mutex::new(Some(draft)),
        })))
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn is_of(&self, sdk: &Sdk) -> bool {
        self.0
            .as_ref()
            .is_some_and(|shared| shared.sdk.is_same(sdk))
    }

    /// Whether somebody has already said how it went.
    pub(crate) fn has_level(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| {
            shared
                .draft
                .lock()
                .is_ok_and(|draft| draft.as_ref().is_some_and(|draft| draft.level().is_some()))
        })
    }

    fn text(
        &self,
        key: &'static str,
        counts: (&'static str, &'static str),
        captured: impl FnOnce() -> Option<Captured>,
    ) -> &Self {
        self.update(|draft| match captured() {
            None => draft.unset(key),
            Some(mut captured) => {
                captured.text.push_str(&captured.note());
                keep(draft, key, counts, captured);
            }
        })
    }

    fn update(&self, change: impl FnOnce(&mut Draft)) -> &Self {
        if let Some(shared) = &self.0
            && shared.span_context.is_sampled()
        {
            let mut draft = shared.draft.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(draft) = draft.as_mut() {
                change(draft);
            }
        }
        self
    }

    fn finish(&self, end: Option<SystemTime>) {
        if let Some(shared) = &self.0 {
            shared.finish(end);
        }
    }
}

impl Shared {
    fn finish(&self, end: Option<SystemTime>) {
        let draft = self
            .draft
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(draft) = draft {
            draft.finish(end);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.finish(None);
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation")
            .field("trace_id", &self.trace_id())
            .field("id", &self.id())
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// Characters kept of a status message.
const MAX_STATUS_CHARS: usize = 500;

/// Sets a text and, if it was cut, the characters there were and the characters kept.
fn keep(
    draft: &mut Draft,
    key: &'static str,
    (chars_key, kept_key): (&'static str, &'static str),
    captured: Captured,
) {
    if captured.is_cut() {
        draft.set(chars_key, count(captured.total));
        draft.set(kept_key, count(captured.kept));
    } else {
        draft.unset(chars_key);
        draft.unset(kept_key);
    }
    draft.set(key, captured.text);
}

fn count(chars: usize) -> i64 {
    i64::try_from(chars).unwrap_or(i64::MAX)
}
