//! Scores: what somebody, or something, thinks of a trace or an observation.

use std::time::SystemTime;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Observation, names, privacy, value};
use crate::{Sdk, diagnostics};

/// A score of a trace or an observation. It is sent with the same queue, budget and report as
/// spans, and counts like one.
///
/// ```
/// use warmspan::{Score, Sdk};
///
/// let sdk = Sdk::disabled();
/// let answer = sdk.generation("answer");
/// answer.score(Score::numeric("relevance", 0.9).comment("by hand"));
/// answer.score_trace(Score::categorical("tone", "friendly"));
/// answer.score_trace(Score::boolean("helpful", true)).end();
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a score does nothing until it is given to an observation"]
pub struct Score {
    name: String,
    value: Value,
    data_type: &'static str,
    id: Option<String>,
    comment: Option<String>,
    config_id: Option<String>,
    metadata: Map<String, Value>,
}

impl Score {
    /// A number. Langfuse takes finite ones only; any other is left out with a warning.
    pub fn numeric(name: impl Into<String>, value: f64) -> Self {
        Self::new(name, Value::from(value), "NUMERIC")
    }

    /// Yes or no.
    pub fn boolean(name: impl Into<String>, value: bool) -> Self {
        Self::new(name, Value::from(u8::from(value)), "BOOLEAN")
    }

    /// One of several words.
    pub fn categorical(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, Value::from(value.into()), "CATEGORICAL")
    }

    /// An id of your own: a later score with the same id replaces this one.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Why.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// The score configuration in Langfuse that it must fit.
    pub fn config_id(mut self, id: impl Into<String>) -> Self {
        self.config_id = Some(id.into());
        self
    }

    /// One entry of its metadata.
    pub fn metadata<T: Serialize + ?Sized>(mut self, key: impl Into<String>, value: &T) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.metadata.insert(key.into(), value);
        }
        self
    }

    fn new(name: impl Into<String>, value: Value, data_type: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            data_type,
            id: None,
            comment: None,
            config_id: None,
            metadata: Map::new(),
        }
    }

    /// The event of Langfuse's ingestion; `None` if Langfuse would not take it.
    fn into_event(self, sdk: &Sdk, trace: TraceId, observation: Option<SpanId>) -> Option<String> {
        if self.value.is_null() || self.name.is_empty() {
            diagnostics::warn(format_args!(
                "the score {:?} is left out: it needs a name and a finite number",
                self.name
            ));
            return None;
        }
        let random = RandomIdGenerator::default();
        let mask = sdk.settings().mask.as_ref();
        let redaction = sdk.settings().explicit_redaction;
        let masked = |field: &str, text: String| privacy::shown(text, redaction, field, mask);
        let value = match self.value {
            Value::String(word) => Value::from(masked("score.value", word)),
            number => number,
        };
        let mut body = json!({
            "id": self.id.unwrap_or_else(|| random.new_trace_id().to_string()),
            "traceId": trace.to_string(),
            "name": self.name,
            "value": value,
            "dataType": self.data_type,
        });
        let optional = [
            ("observationId", observation.map(|id| id.to_string())),
            ("environment", sdk.settings().environment.clone()),
            (
                "comment",
                self.comment.map(|comment| masked("score.comment", comment)),
            ),
            ("configId", self.config_id),
        ];
        if let Some(body) = body.as_object_mut() {
            for (key, text) in optional {
                body.extend(text.map(|text| (key.to_owned(), Value::from(text))));
            }
            if !self.metadata.is_empty() {
                let metadata = self.metadata.into_iter().map(|(key, value)| {
                    let field = format!("score.metadata.{key}");
                    let text = value::metadata(&value)
                        .unwrap_or_default()
                        .shown(&field, mask);
                    (key, Value::from(text))
                });
                body.insert("metadata".to_owned(), Value::Object(metadata.collect()));
            }
        }
        let event = json!({
            "id": random.new_trace_id().to_string(),
            "type": "score-create",
            "timestamp": crate::timestamp::iso8601(SystemTime::now()),
            "body": body,
        });
        Some(event.to_string())
    }
}

impl Observation {
    /// Scores this observation.
    pub fn score(&self, score: Score) -> &Self {
        record(self, score, Some(self.id()));
        self
    }

    /// Scores the trace that it belongs to.
    pub fn score_trace(&self, score: Score) -> &Self {
        record(self, score, None);
        self
    }
}

impl Sdk {
    /// Scores a trace, or one of its observations, that may have ended long ago: what its user
    /// thinks of it, for instance. It is flushed with what runs now.
    ///
    /// ```
    /// use warmspan::{Score, Sdk, create_trace_id};
    ///
    /// # let sdk = Sdk::disabled();
    /// sdk.score(create_trace_id("order-17"), None, Score::boolean("helpful", true));
    /// ```
    pub fn score(&self, trace: TraceId, observation: Option<SpanId>, score: Score) {
        if trace != TraceId::INVALID
            && self
                .pipeline()
                .is_some_and(|pipeline| pipeline.keeps(trace))
        {
            send(self, score, trace, observation);
        }
    }
}

/// Scores the current observation; nothing happens if there is none.
pub fn score_current_observation(score: Score) {
    names::update_current_observation(|observation| _ = observation.score(score));
}

/// Scores the current trace; nothing happens if there is none.
pub fn score_current_trace(score: Score) {
    names::update_current_observation(|observation| _ = observation.score_trace(score));
}

/// A score goes where its trace goes: of a trace that is not sampled none is sent.
fn record(observation: &Observation, score: Score, of: Option<SpanId>) {
    if observation.span_context().is_sampled() {
        send(observation.sdk(), score, observation.trace_id(), of);
    }
}

fn send(sdk: &Sdk, score: Score, trace: TraceId, of: Option<SpanId>) {
    if !sdk.is_enabled() {
        return;
    }
    let Some(delivery) = sdk.delivery() else {
        return;
    };
    if !delivery.connections().endpoint().is_langfuse() {
        diagnostics::warn(
            "scores are left out: a plain OTLP back-end takes none; set the LANGFUSE_ keys",
        );
        return;
    }
    if let Some(event) = score.into_event(sdk, trace, of) {
        // An invocation flushes what belongs to its own trace.
        let current = Observation::current().filter(|current| current.is_of(sdk));
        let flushed_with = current.map_or(trace, |current| current.trace_id());
        delivery.queue().push_score(flushed_with, trace, event);
    }
}
