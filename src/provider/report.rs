//! Writes a [`Call`] to its observation.

use opentelemetry::{Array, StringValue, Value};

use super::{
    call::{Call, Ended, Recorded},
    failure::Failure,
};
use crate::observation::{Level, Observation, attributes};

// OpenTelemetry's conventions for generative AI, without content, for other back-ends than
// Langfuse.
const OPERATION: &str = "gen_ai.operation.name";
pub(super) const PROVIDER: &str = "gen_ai.provider.name";
const REQUEST_MODEL: &str = "gen_ai.request.model";
const RESPONSE_MODEL: &str = "gen_ai.response.model";
const RESPONSE_ID: &str = "gen_ai.response.id";
const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
const ERROR_TYPE: &str = "error.type";

/// Reports what is known once the request was read.
pub(super) fn request(call: &Call, observation: &Observation) {
    observation
        .name(call.name())
        .fact(OPERATION, call.operation.name())
        .fact(PROVIDER, call.provider.clone().into_owned());
    if let Some(model) = &call.request_model {
        observation.model(model).fact(REQUEST_MODEL, model.clone());
    }
    if !call.parameters.is_empty() {
        observation.model_parameters(&call.parameters);
    }
    let mask = observation.sdk().settings().mask.as_ref();
    match call.input.clone() {
        Some(Recorded::Text(text)) => {
            observation.captured_input(text);
        }
        Some(Recorded::Json(structure)) => {
            observation.captured_json_input(structure.shown("input", mask));
        }
        None => {}
    }
    if let Some(system) = call.system.clone() {
        let shown = system.shown("metadata.system_prompt", mask);
        observation.metadata("system_prompt", &shown);
    }
    if !call.counts.is_empty() {
        observation.metadata("input_counts", &call.counts);
    }
}

/// Reports what is known once the call has ended.
pub(super) fn response(call: &Call, observation: &Observation) {
    if let Some(model) = &call.response_model {
        observation.model(model).fact(RESPONSE_MODEL, model.clone());
    }
    if let Some(id) = &call.response_id {
        observation.fact(RESPONSE_ID, id.clone());
    }
    if !call.parameters.is_empty() {
        observation.model_parameters(&call.parameters);
    }
    match call.output.clone() {
        Some(Recorded::Text(text)) => {
            observation.captured_output(text);
        }
        Some(Recorded::Json(structure)) => {
            let mask = observation.sdk().settings().mask.as_ref();
            observation.captured_json_output(structure.shown("output", mask));
        }
        None => {}
    }
    if let Some(usage) = &call.usage {
        observation.usage(usage.clone());
    }
    for (key, tokens) in [
        (INPUT_TOKENS, call.input_tokens()),
        (OUTPUT_TOKENS, call.output_tokens()),
    ] {
        if let Some(tokens) = tokens {
            observation.fact(key, i64::try_from(tokens).unwrap_or(i64::MAX));
        }
    }
    if let Some(tokens) = call.thinking_tokens {
        observation.metadata("thinking_tokens", &tokens);
    }
    if let Some(cost) = call.cost {
        observation.cost(cost);
    }
    if let Some(time) = call.first_content {
        observation.completion_start_time(time);
    }
    if let Some(status) = call.status {
        observation.fact(attributes::HTTP_STATUS, i64::from(status));
    }
    if call.attempts > 1 {
        observation.metadata("attempts", &call.attempts);
    }
    for (key, value) in &call.notes {
        observation.metadata(key, value);
    }
    outcome(call, observation);
}

fn outcome(call: &Call, observation: &Observation) {
    let mut reasons = call.finish_reasons.clone();
    if let Some(Failure { kind, message }) = &call.failure {
        observation
            .level(Level::Error)
            .status_message(message)
            .fact(ERROR_TYPE, kind.clone());
    } else if let Some(refusal) = &call.refusal {
        observation.level(Level::Warning).status_message(refusal);
        if reasons.is_empty() {
            reasons.push("content_filter".to_owned());
        }
    } else if let Some(warning) = warning(call) {
        observation.level(Level::Warning).status_message(warning);
    }
    if reasons.is_empty() && (call.failure.is_some() || warning(call).is_some()) {
        reasons.push("error".to_owned());
    }
    if !reasons.is_empty() {
        let reasons = reasons.into_iter().map(StringValue::from).collect();
        observation.fact(FINISH_REASONS, Value::Array(Array::String(reasons)));
    }
}

/// What to say of a call that did not fail but did not end well either.
fn warning(call: &Call) -> Option<&'static str> {
    match call.ended {
        Ended::Dropped if call.streamed => Some("stream dropped by caller"),
        Ended::Dropped => Some("call dropped by caller"),
        Ended::Flushed => Some("flushed while the stream was still open"),
        Ended::Eof => Some("stream ended before its end mark"),
        Ended::Protocol | Ended::Error => None,
    }
}
