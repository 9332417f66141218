//! Spans that other crates emit by OpenTelemetry's conventions for generative AI, as Langfuse reads
//! them right.
//!
//! `rig` and `genai` emit them through `tracing`. Left alone, Langfuse would take reasoning and cache
//! tokens for tokens beside the others and count them twice, count the tokens of a call again for
//! the agent around it, and where a span says nothing of tokens count those of a cut preview. The
//! names changed over the versions of the conventions (semconv 1.27 to 1.41, then the repository
//! semantic-conventions-genai); all are read.

mod messages;
mod usage;

use std::time::Duration;

use opentelemetry::{Array, KeyValue, StringValue, Value, trace::Status};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Map, Value as Json};

use crate::{
    Content, ObservationType,
    observation::attributes::{
        COMPLETION_START_TIME, METADATA, MODEL, MODEL_PARAMETERS, PROMPT_NAME, PROMPT_VERSION,
        TYPE, USAGE_DETAILS,
    },
    timestamp::iso8601,
};

const OPERATION: &str = "gen_ai.operation.name";
const REQUEST: &str = "gen_ai.request.";
const REQUEST_MODEL: &str = "gen_ai.request.model";
const RESPONSE_MODEL: &str = "gen_ai.response.model";
const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Seconds.
const FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";

/// Adds to a span of `gen_ai.*` attributes what Langfuse reads first, and takes away what it would
/// read wrong. Done twice it is the same as done once; what the span says in Langfuse's own words
/// stays. Spans about something else stay as they are.
///
/// `is_counted` says that an observation of ours is the same model call: it is inside of the span or
/// around it. Then the span is a step around the call, and model, tokens and messages stay with the
/// observation.
///
/// Nothing is cut or masked here: the input of a preview is the whole text of the latest user
/// message, and whoever sends the span cuts it afterwards.
pub(crate) fn normalize(span: &mut SpanData, content: Content, is_counted: bool) {
    let Some(role) = Role::of(&span.attributes) else {
        return;
    };
    read_arrays(&mut span.attributes);
    let is_call = role.is_model_call() && !is_counted;
    let kind = if role.is_model_call() && is_counted {
        ObservationType::Span
    } else {
        role.kind()
    };
    add(&mut span.attributes, TYPE, kind.as_str());
    if is_call {
        describe_call(span, &role);
        messages::show(&mut span.attributes, content);
    } else {
        if is_counted && role.is_model_call() {
            messages::forget(&mut span.attributes);
        } else {
            messages::show(&mut span.attributes, content);
        }
        set_aside(&mut span.attributes);
    }
}

/// What a span says that it is.
enum Role {
    /// A model that answers.
    Inference,
    Embeddings,
    /// Its tokens, if it names any, are those of the calls inside of it.
    Other(ObservationType),
}

impl Role {
    /// By the name of the operation; older instrumentations have other words for it, and some only
    /// a model and its tokens.
    fn of(attributes: &[KeyValue]) -> Option<Self> {
        let operation = text(attributes, OPERATION)
            .or_else(|| text(attributes, "llm.request.type"))
            .unwrap_or_default();
        Some(match &*operation {
            "chat" | "completion" | "text_completion" | "generate_content" | "generate"
            | "audio_generation" | "image_generation" | "transcription" => Self::Inference,
            "embeddings" | "embedding" => Self::Embeddings,
            "create_agent" | "invoke_agent" => Self::Other(ObservationType::Agent),
            "execute_tool" => Self::Other(ObservationType::Tool),
            "invoke_workflow" | "plan" => Self::Other(ObservationType::Chain),
            "rerank" | "retrieval" => Self::Other(ObservationType::Retriever),
            "fetch_response" => Self::Other(ObservationType::Span),
            "" if is_said(attributes, REQUEST_MODEL) && usage::is_said(attributes) => {
                Self::Inference
            }
            _ => return None,
        })
    }

    fn is_model_call(&self) -> bool {
        matches!(self, Self::Inference | Self::Embeddings)
    }

    fn kind(&self) -> ObservationType {
        match self {
            Self::Inference => ObservationType::Generation,
            Self::Embeddings => ObservationType::Embedding,
            Self::Other(kind) => *kind,
        }
    }
}

/// Model, parameters, tokens, prompt and first chunk of a model call.
fn describe_call(span: &mut SpanData, role: &Role) {
    let attributes = &mut span.attributes;
    let model = text(attributes, RESPONSE_MODEL).or_else(|| text(attributes, REQUEST_MODEL));
    if let Some(model) = &model {
        add(attributes, MODEL, model.clone());
    }
    let parameters = parameters(attributes);
    if !parameters.is_empty() {
        add(
            attributes,
            MODEL_PARAMETERS,
            Json::Object(parameters).to_string(),
        );
    }
    if let (Some(name), Some(version)) = (
        text(attributes, "gen_ai.prompt.name"),
        // Langfuse's versions are numbers from one, and any other loses the observation.
        number(attributes, "gen_ai.prompt.version").filter(|version| *version > 0),
    ) && matches!(role, Role::Inference)
        && !is_said(attributes, PROMPT_NAME)
    {
        add(attributes, PROMPT_NAME, name);
        add(attributes, PROMPT_VERSION, version);
    }
    let delay = value(attributes, FIRST_CHUNK).and_then(seconds);
    if let Some(delay) = delay.filter(|delay| !delay.is_zero())
        && let Some(time) = span.start_time.checked_add(delay)
        && time <= span.end_time
    {
        add(
            attributes,
            COMPLETION_START_TIME,
            format!("\"{}\"", iso8601(time)),
        );
    }
    if is_said(attributes, USAGE_DETAILS) {
        return;
    }
    let provider = text(attributes, "gen_ai.provider.name")
        .or_else(|| text(attributes, "gen_ai.system"))
        .unwrap_or_default();
    let model = model.unwrap_or_default();
    match usage::buckets(attributes, &provider, &model) {
        Some(buckets) => add(attributes, USAGE_DETAILS, buckets),
        // Without any the server would count the tokens of a text that may be cut.
        None if !matches!(span.status, Status::Error { .. }) && !usage::has_foreign(attributes) => {
            add(attributes, USAGE_DETAILS, r#"{"total":0}"#);
            add(attributes, &format!("{METADATA}.usage_source"), "missing");
        }
        None => {}
    }
}

/// The request's parameters; the response has the last word on the service tier.
fn parameters(attributes: &[KeyValue]) -> Map<String, Json> {
    let mut parameters = Map::new();
    for attribute in attributes {
        let key = attribute.key.as_str();
        let name = match key {
            REQUEST_MODEL => continue,
            "openai.request.service_tier" | "gen_ai.openai.request.service_tier" => "service_tier",
            key => match key.strip_prefix(REQUEST) {
                Some(name) => name,
                None => continue,
            },
        };
        if let Some(value) = json(&attribute.value) {
            parameters.insert(name.to_owned(), value);
        }
    }
    for key in [
        "openai.response.service_tier",
        "gen_ai.openai.response.service_tier",
    ] {
        if let Some(tier) = text(attributes, key) {
            parameters.insert("service_tier".to_owned(), tier.into());
        }
    }
    parameters
}

/// What would make a step a model call in Langfuse's eyes becomes metadata.
fn set_aside(attributes: &mut Vec<KeyValue>) {
    let mut aside = Vec::new();
    attributes.retain(|attribute| {
        let key = attribute.key.as_str();
        let name = match key {
            RESPONSE_MODEL => "response_model",
            REQUEST_MODEL => "model",
            _ if usage::is_usage(key) => {
                let name = key.rsplit("usage.").next().unwrap_or(key);
                let name = name.replace('.', "_");
                aside.push(KeyValue::new(
                    format!("{METADATA}.{name}"),
                    attribute.value.clone(),
                ));
                return false;
            }
            MODEL | USAGE_DETAILS => return false,
            _ => return true,
        };
        aside.push(KeyValue::new(
            format!("{METADATA}.{name}"),
            attribute.value.clone(),
        ));
        false
    });
    for attribute in aside {
        add(attributes, attribute.key.as_str(), attribute.value);
    }
}

/// `tracing` knows no arrays: what is one came as JSON.
fn read_arrays(attributes: &mut [KeyValue]) {
    let reasons = attributes
        .iter_mut()
        .find(|attribute| attribute.key.as_str() == FINISH_REASONS);
    if let Some(KeyValue { value, .. }) = reasons
        && let Value::String(text) = &*value
        && let Ok(reasons) = serde_json::from_str::<Vec<String>>(text.as_str())
    {
        let reasons = reasons.into_iter().map(StringValue::from).collect();
        *value = Value::Array(Array::String(reasons));
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let attribute = attributes.iter().rfind(|known| known.key.as_str() == key)?;
    Some(&attribute.value)
}

fn is_said(attributes: &[KeyValue], key: &str) -> bool {
    value(attributes, key).is_some()
}

/// A text with something in it.
fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let text = value(attributes, key)?.as_str().into_owned();
    (!text.is_empty()).then_some(text)
}

/// A whole number that is not negative, also where it came as another type.
fn number(attributes: &[KeyValue], key: &str) -> Option<i64> {
    let number = match value(attributes, key)? {
        Value::I64(number) => *number,
        Value::String(text) => text.as_str().trim().parse().ok()?,
        #[allow(clippy::cast_possible_truncation)] // `as` saturates
        Value::F64(number) if number.is_finite() => *number as i64,
        _ => return None,
    };
    (number >= 0).then_some(number)
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::F64(seconds) => *seconds,
        Value::String(text) => text.as_str().parse().ok()?,
        #[allow(clippy::cast_precision_loss)] // seconds
        Value::I64(seconds) => *seconds as f64,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// A value as JSON; an array may have come as text.
fn json(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Bool(value) => (*value).into(),
        Value::I64(value) => (*value).into(),
        Value::F64(value) => (*value).into(),
        Value::String(text) => match text.as_str() {
            "" => return None,
            text if text.starts_with('[') => {
                serde_json::from_str(text).unwrap_or_else(|_| text.into())
            }
            text => text.into(),
        },
        Value::Array(Array::String(texts)) => texts.iter().map(StringValue::as_str).collect(),
        Value::Array(Array::I64(numbers)) => numbers.iter().copied().collect(),
        Value::Array(Array::F64(numbers)) => numbers.iter().copied().collect(),
        Value::Array(Array::Bool(values)) => values.iter().copied().collect(),
        _ => return None,
    })
}

/// Adds what is not said yet.
fn add(attributes: &mut Vec<KeyValue>, key: &str, value: impl Into<Value>) {
    if !is_said(attributes, key) {
        attributes.push(KeyValue::new(key.to_owned(), value));
    }
}

#[cfg(test)]
mod tests;
