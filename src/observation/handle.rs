//! The handle of an observation.

use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use opentelemetry::{
    Array, Value,
    trace::{SpanContext, SpanId, TraceId},
};
use serde::Serialize;

use super::{
    Captured, Content, Level, Mask, ObservationBuilder, ObservationType, Usage, attributes,
    current,
    draft::Draft,
    privacy::{self, Redaction},
    trace_attributes::{self, Propagated},
    value,
};
use crate::{Sdk, diagnostics};

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
#[must_use = "an observation ends when its last handle is dropped"]
pub struct Observation(Option<Arc<Shared>>);

/// Says of an observation what it must know, and does not keep it open.
#[derive(Clone, Debug)]
pub(crate) struct WeakObservation(Weak<Shared>);

impl WeakObservation {
    /// A model call inside has told its tokens.
    pub(crate) fn is_counted_inside(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.is_counted_inside.store(true, Ordering::Relaxed);
            shared.tell_around();
        }
    }
}

struct Shared {
    sdk: Sdk,
    span_context: SpanContext,
    kind: ObservationType,
    /// Not kept alive: a parent whose last handle is dropped has ended.
    parent: Option<Weak<Shared>>,
    propagated: Option<Propagated>,
    /// Whether a model call inside has told its tokens.
    is_counted_inside: AtomicBool,
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
        self.text(&INPUT, || {
            value::capture_explicit(input, Content::MAX_CHARS, self.explicit_redaction())
        })
    }

    /// Says what came out of it: strings are recorded as they are, the rest as JSON.
    pub fn output<T: Serialize + ?Sized>(&self, output: &T) -> &Self {
        self.text(&OUTPUT, || {
            value::capture_explicit(output, Content::MAX_CHARS, self.explicit_redaction())
        })
    }

    /// An input that the library captured by itself, already cut.
    pub(crate) fn captured_input(&self, captured: Captured) -> &Self {
        self.text(&INPUT, || Some(captured))
    }

    /// An output that the library captured by itself, already cut.
    pub(crate) fn captured_output(&self, captured: Captured) -> &Self {
        self.text(&OUTPUT, || Some(captured))
    }

    /// An input that is JSON and says by itself where it was cut.
    pub(crate) fn captured_json_input(&self, captured: Captured) -> &Self {
        self.json_text(&INPUT, captured)
    }

    /// An output that is JSON and says by itself where it was cut.
    pub(crate) fn captured_json_output(&self, captured: Captured) -> &Self {
        self.json_text(&OUTPUT, captured)
    }

    /// The model that was called.
    pub fn model(&self, name: impl Into<String>) -> &Self {
        self.say(
            || name.into(),
            |draft, name| draft.set(attributes::MODEL, name),
        )
    }

    /// What the model was told about how to answer: an object such as `{"temperature": 0.2}`.
    /// Anything else is left out with a warning: the server would drop the observation.
    pub fn model_parameters<T: Serialize + ?Sized>(&self, parameters: &T) -> &Self {
        self.say(
            || value::object(parameters, "model_parameters", self.mask()),
            |draft, parameters| match parameters {
                Some(object) => draft.set(attributes::MODEL_PARAMETERS, object),
                None => diagnostics::warn(
                    "model parameters are left out: give an object, such as `json!({\"temperature\": 0.2})`",
                ),
            },
        )
    }

    /// The tokens that were used.
    pub fn usage(&self, usage: Usage) -> &Self {
        self.update(|draft| draft.set_usage(usage))
    }

    /// What it cost, in US dollars. Without it Langfuse computes the cost from the tokens.
    pub fn cost(&self, total_usd: f64) -> &Self {
        self.cost_details([("total", total_usd)])
    }

    /// When the first piece of the answer came.
    pub fn completion_start_time(&self, time: SystemTime) -> &Self {
        self.update(|draft| {
            let quoted = ["\"", &crate::timestamp::iso8601(time), "\""].concat();
            draft.set(attributes::COMPLETION_START_TIME, quoted);
        })
    }

    /// What it cost in US dollars, by kind of token, for instance `input` and `output`. Amounts that
    /// are negative or not finite are left out.
    pub fn cost_details<'a>(&self, details: impl IntoIterator<Item = (&'a str, f64)>) -> &Self {
        let details = || {
            let valid = details
                .into_iter()
                .filter(|(_, usd)| usd.is_finite() && *usd >= 0.0);
            valid
                .map(|(kind, usd)| (kind.to_owned(), usd.into()))
                .collect::<serde_json::Map<_, _>>()
        };
        self.say(details, |draft, details| {
            if !details.is_empty() {
                draft.set(attributes::COST_DETAILS, value::json(&details));
            }
        })
    }

    /// The prompt of Langfuse's prompt management that it used: name and version.
    pub fn prompt(&self, name: impl Into<String>, version: u32) -> &Self {
        self.say(
            || trace_attributes::valid_prompt(&name.into(), version),
            |draft, prompt| {
                if let Some((name, version)) = prompt {
                    draft.set_prompt(name, version);
                }
            },
        )
    }

    /// One entry of the metadata: strings as they are, the rest as JSON. `null` removes the entry.
    pub fn metadata<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> &Self {
        let text = || {
            let (captured, mask) = (value::metadata(value)?, self.mask());
            let field = mask.map(|_| ["metadata.", key].concat());
            Some(captured.shown(&field.unwrap_or_default(), mask))
        };
        self.say(text, |draft, text| {
            let attribute = [attributes::METADATA, ".", key].concat();
            match text {
                Some(text) => draft.set(attribute, text),
                None => draft.unset(&attribute),
            }
        })
    }

    /// Every entry of an object as an entry of the metadata, as the official SDKs do. Langfuse
    /// keeps no metadata without a key; anything but an object is left out with a warning.
    pub fn metadata_object<T: Serialize + ?Sized>(&self, object: &T) -> &Self {
        if self.is_recording() {
            match serde_json::to_value(object) {
                Ok(serde_json::Value::Object(entries)) => {
                    for (key, value) in &entries {
                        self.metadata(key, value);
                    }
                }
                _ => diagnostics::warn(
                    "metadata is left out: give an object, or `metadata(key, value)` for a single value",
                ),
            }
        }
        self
    }

    /// Any OpenTelemetry attribute. Langfuse shows it among the metadata.
    ///
    /// The mask sees text under the attribute's key. Attributes that mean something to Langfuse
    /// have setters of their own here, which say only what the server takes; of the server's own
    /// names (`langfuse.*` and a few of other libraries) none is written, with a warning.
    pub fn attribute(&self, key: &'static str, value: impl Into<Value>) -> &Self {
        if attributes::is_the_servers(key) {
            diagnostics::warn(format_args!(
                "the attribute {key} is left out: use the setter of `Observation` or `TraceAttributes`"
            ));
            return self;
        }
        if !self.span_context().is_sampled() {
            return self;
        }
        let value = value.into();
        let Some(mask) = self.mask() else {
            // Nobody else's code runs from here on.
            let value = self.shown_attribute(key, value, None);
            return self.update(|draft| draft.set(key, value));
        };
        self.say(
            || self.shown_attribute(key, value, Some(mask)),
            |draft, value| draft.set(key, value),
        )
    }

    fn shown_attribute(&self, key: &str, value: Value, mask: Option<&Mask>) -> Value {
        let redaction = self.explicit_redaction();
        let shown = |text| privacy::shown_value(text, redaction, key, mask);
        match value {
            Value::String(text) => Value::String(shown(text)),
            Value::Array(Array::String(texts)) => {
                Value::Array(Array::String(texts.into_iter().map(shown).collect()))
            }
            value => value,
        }
    }

    /// An attribute that the library itself knows: of names, ids and sizes, never of content.
    pub(crate) fn fact(&self, key: &'static str, value: impl Into<Value>) -> &Self {
        self.update(|draft| draft.set(key, value))
    }

    /// The same of several that are texts and do not change.
    pub(crate) fn facts(&self, facts: &[(&'static str, Arc<str>)]) -> &Self {
        if facts.is_empty() {
            return self;
        }
        self.update(|draft| {
            for (key, value) in facts {
                draft.set(*key, Arc::clone(value));
            }
        })
    }

    /// How it went. [`Level::Error`] also sets the span's status.
    pub fn level(&self, level: Level) -> &Self {
        self.update(|draft| draft.set_level(level))
    }

    /// What to know about how it went, an error's message for instance. Keys in it are redacted.
    pub fn status_message(&self, message: impl Into<String>) -> &Self {
        self.say(
            || self.status_text(message.into()),
            Draft::set_status_message,
        )
    }

    /// The version of what ran.
    pub fn version(&self, version: impl Into<String>) -> &Self {
        self.say(
            || version.into(),
            |draft, version| draft.set(attributes::VERSION, version),
        )
    }

    /// A better name than it began with.
    pub fn name(&self, name: impl Into<Cow<'static, str>>) -> &Self {
        self.say(|| attributes::name(name.into()), Draft::set_name)
    }

    /// Marks it as failed with `error`'s message.
    pub fn error(&self, error: &(impl fmt::Display + ?Sized)) -> &Self {
        self.level(Level::Error);
        self.say(
            || self.status_text(value::displayed(error)),
            Draft::set_status_message,
        )
    }

    /// Ends it now. Whatever is said afterwards is ignored.
    pub fn end(&self) {
        self.finish(None);
    }

    /// Ends it at a time in the past, but not before it began.
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

    pub(super) fn open(
        sdk: Sdk,
        span_context: SpanContext,
        draft: Draft,
        kind: ObservationType,
        parent: Option<&Self>,
        propagated: Option<Propagated>,
    ) -> Self {
        Self(Some(Arc::new(Shared {
            sdk,
            span_context,
            kind,
            parent: parent
                .and_then(|parent| parent.0.as_ref())
                .map(Arc::downgrade),
            propagated,
            is_counted_inside: AtomicBool::new(false),
            draft: Mutex::new(Some(draft)),
        })))
    }

    /// A handle that does not keep it open.
    pub(crate) fn downgrade(&self) -> WeakObservation {
        WeakObservation(self.0.as_ref().map(Arc::downgrade).unwrap_or_default())
    }

    /// What holds for the whole trace, as far as it was known at the start.
    pub(crate) fn propagated(&self) -> Option<&Propagated> {
        self.0.as_ref()?.propagated.as_ref()
    }

    pub(super) fn set_all(&self, propagated: &Propagated) {
        self.say(
            || propagated.attributes(self.mask()),
            |draft, attributes| draft.set_all(propagated, &attributes),
        );
    }

    /// This one or the innermost one around it that is a generation or an embedding.
    pub(super) fn nearest_model_call(&self) -> Option<Self> {
        let mut shared = self.0.clone()?;
        while !shared.kind.is_model_call() {
            shared = shared.parent()?;
        }
        Some(Self(Some(shared)))
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn is_of(&self, sdk: &Sdk) -> bool {
        self.0
            .as_ref()
            .is_some_and(|shared| shared.sdk.is_same(sdk))
    }

    /// Whether this attribute has been set.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.as_ref().is_some_and(|shared| {
            let draft = shared.draft.lock().unwrap_or_else(PoisonError::into_inner);
            draft.as_ref().is_some_and(|draft| draft.has(key))
        })
    }

    /// Whether somebody has already said how it went.
    pub(crate) fn has_level(&self) -> bool {
        self.told_level().is_some()
    }

    /// Whether somebody has already said that it failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.told_level() == Some(Level::Error)
    }

    fn told_level(&self) -> Option<Level> {
        let draft = self.0.as_ref()?.draft.lock().ok()?;
        draft.as_ref()?.level()
    }

    fn text(&self, field: &Field, captured: impl FnOnce() -> Option<Captured>) -> &Self {
        let text = || {
            // What the program gave may panic when it is serialised; that is told and goes no further.
            let captured = catch_unwind(AssertUnwindSafe(captured)).unwrap_or_else(|_| {
                Some(Captured::of(
                    "<not serializable: it panicked>",
                    attributes::MAX_STATUS_CHARS,
                ))
            })?;
            let (kept, total) = (captured.kept, captured.total);
            let text = captured.shown(field.name, self.mask());
            Some((text, kept, total))
        };
        self.say(text, |draft, text| match text {
            Some((text, kept, total)) => field.write(draft, text, kept, total),
            None => draft.unset(field.text),
        })
    }

    /// A text that is JSON and says by itself where it was cut.
    fn json_text(&self, field: &Field, captured: Captured) -> &Self {
        let Captured {
            text, kept, total, ..
        } = captured;
        self.say(
            || self.masked(field.name, text),
            |draft, text| field.write(draft, text, kept, total),
        )
    }

    fn explicit_redaction(&self) -> Redaction {
        self.0.as_ref().map_or_else(Redaction::default, |shared| {
            shared.sdk.settings().explicit_redaction
        })
    }

    fn status_text(&self, message: String) -> String {
        Captured::of_owned(message, attributes::MAX_STATUS_CHARS)
            .shown("status_message", self.mask())
    }

    fn masked(&self, field: &str, text: String) -> String {
        match self.mask() {
            Some(mask) => mask.apply(field, &text),
            None => text,
        }
    }

    fn mask(&self) -> Option<&Mask> {
        self.0.as_ref()?.sdk.settings().mask.as_ref()
    }

    /// Lets the program's own code prepare something, and writes it then. That code may ask for this
    /// very observation, so no lock is held, or panic, so that ends here.
    fn say<T>(&self, prepare: impl FnOnce() -> T, write: impl FnOnce(&mut Draft, T)) -> &Self {
        if self.span_context().is_sampled()
            && let Ok(prepared) = catch_unwind(AssertUnwindSafe(prepare))
        {
            self.update(|draft| write(draft, prepared));
        }
        self
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
        let Some(draft) = draft else { return };
        let (span, tells_usage) = draft.finish(end, self.is_counted_inside.load(Ordering::Relaxed));
        if self.span_context.is_sampled()
            && let Some(delivery) = self.sdk.delivery()
        {
            delivery.queue().push(span);
        }
        if self.sdk.live_spans().is_composed() {
            let own = crate::composition::key(&self.span_context);
            self.sdk.live_spans().end_observation(own);
        }
        if tells_usage {
            self.tell_around();
        }
    }

    /// Tells those around that tokens have been told.
    fn tell_around(&self) {
        let mut around = self.parent();
        while let Some(shared) = around {
            shared.is_counted_inside.store(true, Ordering::Relaxed);
            around = shared.parent();
        }
    }

    fn parent(&self) -> Option<Arc<Self>> {
        self.parent.as_ref()?.upgrade()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let draft = self.draft.get_mut();
        if draft.unwrap_or_else(PoisonError::into_inner).is_some() {
            self.finish(None);
        }
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

/// A text and where its counts go.
struct Field {
    name: &'static str,
    text: &'static str,
    chars: &'static str,
    kept: &'static str,
}

impl Field {
    /// Sets the text and, if it was cut, the characters there were and the characters kept.
    fn write(&self, draft: &mut Draft, text: String, kept: usize, total: usize) {
        if kept < total {
            draft.set(self.chars, count(total));
            draft.set(self.kept, count(kept));
        } else {
            draft.unset(self.chars);
            draft.unset(self.kept);
        }
        draft.set(self.text, text);
    }
}

const INPUT: Field = Field {
    name: "input",
    text: attributes::INPUT,
    chars: attributes::INPUT_CHARS,
    kept: attributes::INPUT_KEPT,
};

const OUTPUT: Field = Field {
    name: "output",
    text: attributes::OUTPUT,
    chars: attributes::OUTPUT_CHARS,
    kept: attributes::OUTPUT_KEPT,
};

fn count(chars: usize) -> i64 {
    i64::try_from(chars).unwrap_or(i64::MAX)
}
