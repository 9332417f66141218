//! What holds for a whole trace: user, session, tags. It follows the context, never a global, so
//! that it cannot reach another invocation or a concurrent request.

use std::{borrow::Cow, sync::Arc};

use opentelemetry::{
    Array, Context, KeyValue, StringValue, Value,
    baggage::{BaggageExt as _, KeyValueMetadata},
};
use serde::Serialize;

use super::{Mask, Observation, attributes, privacy::redact_keys, value};
use crate::diagnostics;

/// What every observation inside of some code or future carries: user, session, tags and more.
///
/// It is set on the current observation and on each that starts inside. Nested ones merge: metadata
/// by key, tags as a union, everything else replaced by the inner one. A value that Langfuse would
/// not take is left out with a warning. [`Config::mask`](crate::Config::mask) sees user, session,
/// trace name, tags and metadata.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use warmspan::{ObserveFuture as _, TraceAttributes};
///
/// let attributes = TraceAttributes::new().user_id("user-7").session_id("session-1").tags(["beta"]);
/// async {
///     // Every observation in here is the user's.
/// }
/// .with_trace_attributes(attributes)
/// .await;
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "attributes do nothing until a future or scope has them"]
pub struct TraceAttributes {
    user_id: Option<String>,
    session_id: Option<String>,
    trace_name: Option<String>,
    version: Option<String>,
    environment: Option<String>,
    public: Option<bool>,
    prompt: Option<(String, i64)>,
    tags: Vec<String>,
    metadata: Vec<(String, String)>,
    as_baggage: bool,
}

impl TraceAttributes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The user, at most 200 characters.
    pub fn user_id(mut self, user: impl Into<String>) -> Self {
        self.user_id = valid("user_id", &user.into());
        self
    }

    /// The session that several traces belong to, at most 200 characters.
    pub fn session_id(mut self, session: impl Into<String>) -> Self {
        self.session_id = valid("session_id", &session.into());
        self
    }

    /// The name of the trace, at most 200 characters. The root's name, if nothing is said.
    pub fn trace_name(mut self, name: impl Into<String>) -> Self {
        self.trace_name = valid("trace_name", &name.into());
        self
    }

    /// The version of what runs, at most 200 characters.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = valid("version", &version.into());
        self
    }

    /// Another environment than the SDK's: lower-case letters, digits, `-` and `_`, at most 40 of
    /// them, not beginning with `langfuse`.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        let environment = environment.into();
        if crate::config::is_environment(&environment) {
            self.environment = Some(environment);
        } else {
            diagnostics::warn(format_args!(
                "the environment {environment:?} is left out: use at most 40 lower-case letters, digits, `-` or `_`, \
                 not beginning with `langfuse`"
            ));
        }
        self
    }

    /// Whether everybody who has the address may see the trace.
    pub fn public(mut self, public: bool) -> Self {
        self.public = Some(public);
        self
    }

    /// The prompt of Langfuse's prompt management that generations use: its name and version.
    pub fn prompt(mut self, name: impl Into<String>, version: u32) -> Self {
        self.prompt = valid_prompt(&name.into(), version);
        self
    }

    /// Tags, each at most 200 characters; added to those that are there.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        for tag in tags {
            let tag = valid("tag", &tag.into()).filter(|tag| !self.tags.contains(tag));
            self.tags.extend(tag);
        }
        self
    }

    /// One entry of the trace's metadata: strings as they are, the rest as JSON; at most 200
    /// characters.
    pub fn metadata<T: Serialize + ?Sized>(mut self, key: impl Into<String>, value: &T) -> Self {
        let key = key.into();
        if let Some(text) = value::metadata(value)
            .and_then(|captured| valid(&format!("metadata {key:?}"), &captured.text))
        {
            set(&mut self.metadata, key, text);
        }
        self
    }

    /// Also puts them into the OpenTelemetry baggage, for services that are called from here. The
    /// baggage travels in a header of every such call, and no mask sees it: mind what it says.
    pub fn as_baggage(mut self) -> Self {
        self.as_baggage = true;
        self
    }

    /// Runs `body` with these attributes.
    pub fn in_scope<R>(self, body: impl FnOnce() -> R) -> R {
        let _attached = self.into_context().attach();
        body()
    }

    /// The current context with these attributes; sets them on the current observation as well.
    pub(super) fn into_context(self) -> Context {
        let mut context = Context::current();
        let as_baggage = self.as_baggage;
        let merged = match context.get::<Propagated>() {
            Some(outer) => outer.said.as_ref().clone().merged_with(self),
            None => self,
        };
        let propagated = Propagated::new(merged);
        if as_baggage {
            context = context.with_baggage(propagated.said.baggage());
        }
        if let Some(current) = Observation::current() {
            propagated.apply(&current);
        }
        context.with_value(propagated)
    }

    /// Attributes that another service put into the baggage.
    pub(crate) fn from_baggage(baggage: &str) -> Self {
        let mut said = Self::new();
        for entry in baggage.split(',') {
            let entry = entry.split(';').next().unwrap_or_default();
            let Some((key, value)) = entry.split_once('=') else {
                continue;
            };
            let Some(key) = key.trim().strip_prefix("langfuse_") else {
                continue;
            };
            let value = crate::config::percent_decoded(value.trim());
            said = match key {
                "user_id" => said.user_id(value),
                "session_id" => said.session_id(value),
                "trace_name" => said.trace_name(value),
                "version" => said.version(value),
                // A remote value is not worth a warning here.
                "environment" if !crate::config::is_environment(&value) => said,
                "environment" => said.environment(value),
                "tags" => said.tags(value.split(',')),
                // The claim, and a prompt, which belongs to the caller's own generations.
                "trace_id" | "prompt_name" | "prompt_version" => said,
                other => {
                    let key = other.strip_prefix("metadata_").unwrap_or(other).to_owned();
                    said.metadata(key, &value)
                }
            };
        }
        said
    }

    fn merged_with(mut self, inner: Self) -> Self {
        let tags = std::mem::take(&mut self.tags);
        let mut metadata = std::mem::take(&mut self.metadata);
        for (key, value) in inner.metadata {
            set(&mut metadata, key, value);
        }
        Self {
            user_id: inner.user_id.or(self.user_id),
            session_id: inner.session_id.or(self.session_id),
            trace_name: inner.trace_name.or(self.trace_name),
            version: inner.version.or(self.version),
            environment: inner.environment.or(self.environment),
            public: inner.public.or(self.public),
            prompt: inner.prompt.or(self.prompt),
            tags: Vec::new(),
            metadata,
            as_baggage: self.as_baggage || inner.as_baggage,
        }
        .tags(tags.into_iter().chain(inner.tags))
    }

    /// The names are those of the official SDKs.
    fn baggage(&self) -> Vec<KeyValueMetadata> {
        let entry = |key: String, value: &str| KeyValueMetadata::new(key, value.to_owned(), "");
        let scalars = [
            ("user_id", &self.user_id),
            ("session_id", &self.session_id),
            ("trace_name", &self.trace_name),
            ("version", &self.version),
            ("environment", &self.environment),
        ];
        let mut entries: Vec<_> = scalars
            .into_iter()
            .filter_map(|(key, value)| Some(entry(format!("langfuse_{key}"), value.as_deref()?)))
            .collect();
        if !self.tags.is_empty() {
            entries.push(entry("langfuse_tags".to_owned(), &self.tags.join(",")));
        }
        entries.extend(
            self.metadata
                .iter()
                .map(|(key, value)| entry(format!("langfuse_metadata_{key}"), value)),
        );
        if let Some(current) =
            Observation::current().filter(|current| current.span_context().is_valid())
        {
            entries.push(entry(
                "langfuse_trace_id".to_owned(),
                &current.trace_id().to_string(),
            ));
        }
        entries
    }
}

/// The attributes of a context, ready to be put onto observations.
#[derive(Clone, Debug)]
pub(crate) struct Propagated {
    said: Arc<TraceAttributes>,
    rendered: Arc<[KeyValue]>,
}

impl Propagated {
    pub(crate) fn new(said: TraceAttributes) -> Self {
        let mut rendered = Vec::new();
        let scalars = [
            (attributes::USER_ID, &said.user_id),
            (attributes::SESSION_ID, &said.session_id),
            (attributes::TRACE_NAME, &said.trace_name),
            (attributes::VERSION, &said.version),
            (attributes::ENVIRONMENT, &said.environment),
        ];
        for (key, text) in scalars {
            rendered.extend(text.as_deref().map(|text| KeyValue::new(key, shared(text))));
        }
        if let Some(public) = said.public {
            rendered.push(KeyValue::new(attributes::TRACE_PUBLIC, public));
        }
        if !said.tags.is_empty() {
            let tags = said.tags.iter().map(|tag| shared(tag)).collect();
            rendered.push(KeyValue::new(
                attributes::TRACE_TAGS,
                Value::Array(Array::String(tags)),
            ));
        }
        for (key, text) in &said.metadata {
            rendered.push(KeyValue::new(
                format!("{}.{key}", attributes::TRACE_METADATA),
                shared(text),
            ));
        }
        Self {
            said: Arc::new(said),
            rendered: rendered.into(),
        }
    }

    /// Those of the current context.
    pub(super) fn current() -> Option<Self> {
        Context::map_current(Self::of)
    }

    /// Those of a context.
    pub(crate) fn of(context: &Context) -> Option<Self> {
        context.get::<Self>().cloned()
    }

    /// What every observation carries, as the mask lets it.
    pub(crate) fn attributes(&self, mask: Option<&Mask>) -> Cow<'_, [KeyValue]> {
        let Some(mask) = mask else {
            return Cow::Borrowed(&self.rendered);
        };
        let masked = |attribute: &KeyValue| {
            let field = attribute.key.as_str();
            if [attributes::VERSION, attributes::ENVIRONMENT].contains(&field) {
                return attribute.clone();
            }
            let value = match &attribute.value {
                Value::String(text) => Value::from(mask.apply(field, text.as_str())),
                Value::Array(Array::String(texts)) => {
                    let texts = texts
                        .iter()
                        .map(|text| mask.apply(field, text.as_str()).into());
                    Value::Array(Array::String(texts.collect()))
                }
                other => other.clone(),
            };
            KeyValue::new(attribute.key.clone(), value)
        };
        self.rendered.iter().map(masked).collect()
    }

    /// The prompt that generations carry.
    pub(super) fn prompt(&self) -> Option<&(String, i64)> {
        self.said.prompt.as_ref()
    }

    pub(crate) fn apply(&self, observation: &Observation) {
        observation.set_all(self);
    }

    /// `context` with these.
    pub(crate) fn within(&self, context: &Context) -> Context {
        context.with_value(self.clone())
    }
}

fn shared(text: &str) -> StringValue {
    StringValue::from(Arc::<str>::from(text))
}

/// Langfuse takes strings up to this many characters here.
const MAX_CHARS: usize = 200;

fn valid(what: &str, text: &str) -> Option<String> {
    let chars = text.chars().count();
    if text.is_empty() || chars > MAX_CHARS {
        diagnostics::warn(format_args!(
            "{what} is left out: it has {chars} characters and must have between 1 and {MAX_CHARS}"
        ));
        return None;
    }
    Some(redact_keys(text).into_owned())
}

/// The server drops an observation whose prompt has no name or version 0.
pub(super) fn valid_prompt(name: &str, version: u32) -> Option<(String, i64)> {
    if version == 0 {
        diagnostics::warn(format_args!(
            "the prompt {name:?} is left out: versions begin at 1"
        ));
        return None;
    }
    Some((valid("the prompt's name", name)?, i64::from(version)))
}

fn set(entries: &mut Vec<(String, String)>, key: String, value: String) {
    match entries.iter_mut().find(|(known, _)| *known == key) {
        Some((_, old)) => *old = value,
        None => entries.push((key, value)),
    }
}
