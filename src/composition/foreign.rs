//! What leaves of an application's own span.

use opentelemetry::{
    Array, KeyValue, StringValue, Value,
    trace::{SpanContext, SpanId, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::live::Seen;
use crate::{
    Content, ObservationType, Sdk,
    observation::{Captured, attributes, redact_keys, shown_value},
    provider::normalize,
};

/// A span about LLMs: with what it says, as privacy lets it.
pub(super) fn llm_span(sdk: &Sdk, mut span: SpanData, seen: &Seen, is_root: bool) -> SpanData {
    normalize(&mut span, sdk.content(), seen.is_counted);
    if seen.is_counted {
        count_nothing(&mut span);
    } else if says(&span, attributes::USAGE_DETAILS)
        && let Some(enclosing) = &seen.enclosing
    {
        enclosing.is_counted_inside();
    }
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
    for link in &mut span.links.links {
        link.attributes = Vec::new();
    }
    finish(sdk, span, seen, is_root)
}

/// A span that something sent hangs from: its name, times and status. What else it says (addresses,
/// statements, arguments) is about the application.
pub(super) fn ancestor(sdk: &Sdk, mut span: SpanData, seen: &Seen, is_root: bool) -> SpanData {
    span.attributes = Vec::new();
    span.events = SpanEvents::default();
    span.links = SpanLinks::default();
    finish(sdk, span, seen, is_root)
}

/// An observation counts the tokens of this very call, so the span counts none, whatever attributes
/// the server would take for a model call's.
fn count_nothing(span: &mut SpanData) {
    add(
        span,
        KeyValue::new(attributes::TYPE, ObservationType::Span.as_str()),
    );
    span.attributes
        .retain(|attribute| attribute.key.as_str() != attributes::USAGE_DETAILS);
    add(
        span,
        KeyValue::new(attributes::USAGE_DETAILS, r#"{"total":0}"#),
    );
}

/// What every observation carries, unless the span says it itself; and its place in what is sent.
fn finish(sdk: &Sdk, mut span: SpanData, seen: &Seen, is_root: bool) -> SpanData {
    let mask = sdk.settings().mask.as_ref();
    if let Status::Error { description } = &mut span.status {
        *description = Captured::of(description, attributes::MAX_STATUS_CHARS)
            .shown("status_message", mask)
            .into();
    }
    span.name = attributes::name(redact_keys(&span.name).into_owned().into());
    for attribute in sdk.common_attributes() {
        add(&mut span, attribute.clone());
    }
    if let Some(propagated) = &seen.propagated {
        for attribute in &*propagated.attributes(mask) {
            add(&mut span, attribute.clone());
        }
    }
    if is_root {
        add(&mut span, KeyValue::new(attributes::IS_APP_ROOT, true));
        if !span.parent_span_is_remote {
            // Nobody sends it, and the server shows a trace by the span without a parent.
            span.parent_span_id = SpanId::INVALID;
        }
    }
    // What vendors put there is between the application and them.
    let context = &span.span_context;
    span.span_context = SpanContext::new(
        context.trace_id(),
        context.span_id(),
        context.trace_flags(),
        false,
        TraceState::NONE,
    );
    span
}

fn says(span: &SpanData, key: &str) -> bool {
    let is_said = |attribute: &KeyValue| attribute.key.as_str() == key;
    span.attributes.iter().any(is_said)
}

fn add(span: &mut SpanData, attribute: KeyValue) {
    if !says(span, attribute.key.as_str()) {
        span.attributes.push(attribute);
    }
}

fn is_conventional(event: &str) -> bool {
    event == "exception" || event.starts_with("gen_ai.")
}

/// Facts are kept, without keys and media. Every other text is content until it is known to be none,
/// and is kept as far as the settings let it. Lists of numbers are vectors, which never leave.
fn show_all(attributes: &mut Vec<KeyValue>, sdk: &Sdk) {
    let (content, mask) = (sdk.content(), sdk.settings().mask.as_ref());
    let explicit = sdk.settings().explicit_redaction;
    attributes.retain(|attribute| match &attribute.value {
        Value::Array(Array::F64(_) | Array::I64(_)) => false,
        Value::String(_) | Value::Array(Array::String(_)) => {
            content != Content::Off || is_fact(attribute.key.as_str())
        }
        _ => true,
    });
    for attribute in attributes {
        let key = attribute.key.as_str();
        let shown = |text: &mut StringValue| {
            *text = if is_fact(key) {
                let whole = std::mem::replace(text, StringValue::from(""));
                shown_value(whole, explicit, key, mask)
            } else {
                let limit = if key.ends_with("system_prompt") {
                    content.max_system_chars()
                } else {
                    content.max_chars()
                };
                Captured::of(text.as_str(), limit).shown(key, mask).into()
            };
        };
        match &mut attribute.value {
            Value::String(text) => shown(text),
            Value::Array(Array::String(texts)) => texts.iter_mut().for_each(shown),
            _ => {}
        }
    }
}

/// Whether an attribute says something of a call rather than in it.
fn is_fact(key: &str) -> bool {
    FACTS.contains(&key) || FAMILIES.iter().any(|family| key.starts_with(family))
}

/// Attributes of the conventions of OpenTelemetry, `OpenInference` and `OpenLLMetry`, and Langfuse's.
const FACTS: &[&str] = &[
    "error.type",
    "exception.type",
    "gen_ai.agent.id",
    "gen_ai.agent.name",
    "gen_ai.conversation.id",
    "gen_ai.data_source.id",
    "gen_ai.operation.name",
    "gen_ai.output.type",
    "gen_ai.prompt.name",
    "gen_ai.prompt.version",
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.tool.call.id",
    "gen_ai.tool.name",
    "gen_ai.tool.type",
    "gen_ai.workflow.name",
    "langfuse.observation.completion_start_time",
    "langfuse.observation.cost_details",
    "langfuse.observation.level",
    "langfuse.observation.metadata.usage_source",
    "langfuse.observation.model.name",
    "langfuse.observation.model.parameters",
    "langfuse.observation.type",
    "langfuse.observation.usage_details",
    "langfuse.environment",
    "langfuse.release",
    "langfuse.trace.name",
    "langfuse.version",
    "level",
    "llm.model_name",
    "llm.provider",
    "llm.request.type",
    "llm.system",
    "openinference.span.kind",
    "service.name",
    "session.id",
    "traceloop.entity.name",
    "traceloop.span.kind",
    "traceloop.workflow.name",
    "user.id",
];

/// What the keys of more of them begin with.
const FAMILIES: &[&str] = &[
    "gen_ai.openai.",
    "gen_ai.request.",
    "gen_ai.response.",
    "gen_ai.usage.",
    "langfuse.observation.metadata.gen_ai.usage",
    "langfuse.observation.prompt.",
    "llm.token_count.",
    "openai.",
    "server.",
];
