//! What leaves of an application's own span.

use opentelemetry::{Array, KeyValue, StringValue, Value, trace::Status};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::live::LiveSpan;
use crate::{
    Content, ObservationType, Sdk,
    observation::{Captured, Redaction, attributes, shown_value},
};

/// A span about LLMs: with what it says, as privacy lets it.
pub(super) fn llm_span(
    sdk: &Sdk,
    mut span: SpanData,
    seen: &LiveSpan,
    is_app_root: bool,
) -> SpanData {
    show_all(&mut span.attributes, sdk);
    if sdk.content() == Content::Off {
        // Those of the conventions; others are named after what was logged.
        span.events
            .events
            .retain(|event| is_conventional(&event.name));
    }
    let (max_chars, mask) = (sdk.content().max_chars(), sdk.settings().mask.as_ref());
    for event in &mut span.events.events {
        show_all(&mut event.attributes, sdk);
        if !is_conventional(&event.name) {
            event.name = Captured::of(&event.name, max_chars)
                .shown("event", mask)
                .into();
        }
    }
    if let Some(kind) = kind(&span, seen) {
        add(&mut span, KeyValue::new(attributes::TYPE, kind.as_str()));
    }
    describe(sdk, &mut span, seen);
    if is_app_root {
        add(&mut span, KeyValue::new(attributes::IS_APP_ROOT, true));
    }
    span
}

/// What it is, by OpenTelemetry's conventions for generative AI. Around a model call that an
/// observation counts it is no second one.
fn kind(span: &SpanData, seen: &LiveSpan) -> Option<ObservationType> {
    let operation = span
        .attributes
        .iter()
        .find(|attribute| attribute.key.as_str() == "gen_ai.operation.name")?;
    Some(match &*operation.value.as_str() {
        "chat" | "completion" | "text_completion" | "generate_content" | "embeddings"
            if seen.has_model_call_inside =>
        {
            ObservationType::Span
        }
        "chat" | "completion" | "text_completion" | "generate_content" => {
            ObservationType::Generation
        }
        "embeddings" => ObservationType::Embedding,
        "invoke_agent" | "create_agent" => ObservationType::Agent,
        "execute_tool" => ObservationType::Tool,
        _ => return None,
    })
}

/// A span that something sent hangs from: its name, times and status. What else it says (addresses,
/// statements, arguments) is about the application.
pub(super) fn ancestor(sdk: &Sdk, mut span: SpanData, seen: &LiveSpan) -> SpanData {
    span.attributes = Vec::new();
    span.events = SpanEvents::default();
    span.links = SpanLinks::default();
    describe(sdk, &mut span, seen);
    span
}

/// What every observation carries, unless the span says it itself.
fn describe(sdk: &Sdk, span: &mut SpanData, seen: &LiveSpan) {
    let mask = sdk.settings().mask.as_ref();
    if let Status::Error { description } = &mut span.status {
        *description = Captured::of(description, attributes::MAX_STATUS_CHARS)
            .shown("status_message", mask)
            .into();
    }
    for attribute in sdk.common_attributes() {
        add(span, attribute.clone());
    }
    if let Some(propagated) = &seen.propagated {
        for attribute in &*propagated.attributes(mask) {
            add(span, attribute.clone());
        }
    }
}

fn add(span: &mut SpanData, attribute: KeyValue) {
    if !span
        .attributes
        .iter()
        .any(|known| known.key == attribute.key)
    {
        span.attributes.push(attribute);
    }
}

fn is_conventional(event: &str) -> bool {
    event == "exception" || event.starts_with("gen_ai.")
}

/// Content is kept as far as the settings let it, everything else without keys and media.
fn show_all(attributes: &mut Vec<KeyValue>, sdk: &Sdk) {
    let (content, mask) = (sdk.content(), sdk.settings().mask.as_ref());
    if content == Content::Off {
        attributes.retain(|attribute| !is_content(attribute.key.as_str()));
    }
    for attribute in attributes {
        let key = attribute.key.as_str();
        let is_content = is_content(key);
        let shown = |text: &mut StringValue| {
            *text = if is_content {
                let kept = Captured::of(text.as_str(), content.max_chars());
                kept.shown(key, mask).into()
            } else {
                let whole = std::mem::replace(text, StringValue::from(""));
                shown_value(whole, Redaction::Explicit, key, mask)
            };
        };
        match &mut attribute.value {
            Value::String(text) => shown(text),
            Value::Array(Array::String(texts)) => {
                texts.iter_mut().for_each(shown);
            }
            _ => {}
        }
    }
}

/// Whether an attribute of some instrumentation or other holds what people and models said. Names,
/// ids, counts and kinds of such things do not.
fn is_content(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or_default();
    !FACTS.iter().any(|fact| last.ends_with(fact)) && CONTENT.iter().any(|word| key.contains(word))
}

/// Words in the keys of content, in the conventions of OpenTelemetry, `OpenInference` and
/// `OpenLLMetry`.
const CONTENT: &[&str] = &[
    "argument",
    "completion",
    "content",
    "document",
    "exception",
    "input",
    "instruction",
    "message",
    "output",
    "prompt",
    "query",
    "response_format",
    "result",
    "tool.definitions",
];

/// How the keys of facts about content end.
const FACTS: &[&str] = &[
    "count",
    "id",
    "index",
    "kind",
    "mime_type",
    "model",
    "name",
    "role",
    "temperature",
    "tokens",
    "type",
    "version",
];
