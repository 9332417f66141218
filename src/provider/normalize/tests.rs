//! Spans as `genai` 0.7 and `rig` 0.44 emit them, and those of older conventions.

use std::time::{Duration, SystemTime};

use opentelemetry::{
    InstrumentationScope,
    trace::{SpanContext, SpanId, SpanKind},
};
use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
use serde_json::{Value as Json, json};

use super::*;

fn span(attributes: Json) -> SpanData {
    let attributes = attributes.as_object().cloned().unwrap_or_default();
    let attributes = attributes.into_iter().map(|(key, value)| {
        let value: Value = match value {
            Json::Bool(value) => value.into(),
            Json::Number(number) => match number.as_i64() {
                Some(number) => number.into(),
                None => number.as_f64().unwrap_or_default().into(),
            },
            Json::String(text) => text.into(),
            other => other.to_string().into(),
        };
        KeyValue::new(key, value)
    });
    SpanData {
        span_context: SpanContext::empty_context(),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: "chat".into(),
        start_time: SystemTime::UNIX_EPOCH,
        end_time: SystemTime::UNIX_EPOCH + Duration::from_secs(9),
        attributes: attributes.collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

fn normalized(attributes: Json, content: Content) -> SpanData {
    let mut span = span(attributes);
    normalize(&mut span, content, false);
    let once = format!("{:?}", span.attributes);
    normalize(&mut span, content, false);
    assert_eq!(once, format!("{:?}", span.attributes), "done twice");
    span
}

fn said(span: &SpanData, key: &str) -> Option<String> {
    text(&span.attributes, key)
}

fn usage(span: &SpanData) -> Json {
    let usage = said(span, USAGE_DETAILS).unwrap_or_default();
    serde_json::from_str(&usage).unwrap_or_default()
}

/// What `genai` records of a streamed chat with content on.
fn of_genai() -> Json {
    json!({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.request.stream": true,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.stop_sequences": "[\"END\"]",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-5-mini-2025-08-07",
        "gen_ai.response.finish_reasons": "[\"stop\"]",
        "gen_ai.response.time_to_first_chunk": 1.5,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "gen_ai.usage.reasoning.output_tokens": 40,
        "gen_ai.system_instructions": "[{\"type\":\"text\",\"content\":\"Be brief.\"}]",
        "gen_ai.input.messages": "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"Hi\"}]},{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"Hello\"}]},{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"Capital of Peru?\"}]}]",
        "gen_ai.output.messages": "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"Lima\"}],\"finish_reason\":\"stop\"}]",
    })
}

#[test]
fn a_chat_of_genai_is_a_generation_with_disjoint_tokens() {
    let span = normalized(of_genai(), Content::Preview);
    assert_eq!(said(&span, TYPE).as_deref(), Some("generation"));
    assert_eq!(said(&span, MODEL).as_deref(), Some("gpt-5-mini-2025-08-07"));
    assert_eq!(
        usage(&span),
        json!({ "input": 70, "input_cached_tokens": 30, "output": 10, "output_reasoning_tokens": 40 })
    );
    let parameters = said(&span, MODEL_PARAMETERS).unwrap_or_default();
    assert_eq!(
        serde_json::from_str::<Json>(&parameters).unwrap_or_default(),
        json!({ "stream": true, "temperature": 0.5, "stop_sequences": ["END"] })
    );
    assert_eq!(
        value(&span.attributes, FINISH_REASONS),
        Some(&Value::Array(Array::String(vec!["stop".into()])))
    );
    assert_eq!(
        said(&span, COMPLETION_START_TIME).as_deref(),
        Some("\"1970-01-01T00:00:01.500000Z\"")
    );
}

#[test]
fn a_preview_shows_the_latest_question_and_the_answer() {
    let span = normalized(of_genai(), Content::Preview);
    let shown = |key: &str| said(&span, key);
    assert_eq!(
        shown("langfuse.observation.input").as_deref(),
        Some("Capital of Peru?")
    );
    assert_eq!(
        shown("langfuse.observation.output").as_deref(),
        Some("Lima")
    );
    assert_eq!(
        shown("langfuse.observation.metadata.system_prompt").as_deref(),
        Some("Be brief.")
    );
    assert!(!is_said(&span.attributes, "gen_ai.input.messages"));
}

#[test]
fn in_full_the_whole_conversation_is_there_once() {
    let span = normalized(of_genai(), Content::Full);
    let input = said(&span, "langfuse.observation.input").unwrap_or_default();
    assert_eq!(
        serde_json::from_str::<Json>(&input).unwrap_or_default(),
        json!([
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": "Hello" },
            { "role": "user", "content": "Capital of Peru?" },
        ])
    );
    assert!(!is_said(&span.attributes, "gen_ai.input.messages"));
}

#[test]
fn without_content_nothing_that_was_said_is_left() {
    let span = normalized(of_genai(), Content::Off);
    let all = format!("{:?}", span.attributes);
    assert!(
        !["Peru", "Lima", "brief"]
            .iter()
            .any(|said| all.contains(said)),
        "{all}"
    );
    assert_eq!(usage(&span)["input"], 70);
}

#[test]
fn a_completion_of_rig_counts_reasoning_once_and_tool_prompts_not_again() {
    let span = normalized(
        json!({
            "gen_ai.operation.name": "generate_content",
            "gen_ai.provider.name": "gcp.gemini",
            "gen_ai.request.model": "gemini-2.5-flash",
            "gen_ai.response.model": "",
            "gen_ai.usage.input_tokens": 319,
            "gen_ai.usage.output_tokens": 107,
            "gen_ai.usage.reasoning_tokens": 59,
            "gen_ai.usage.tool_use_prompt_tokens": 276,
            "gen_ai.output.messages": "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"tool_call\",\"id\":\"c1\",\"name\":\"weather\",\"arguments\":{\"city\":\"Lima\"}}]}]",
        }),
        Content::Preview,
    );
    assert_eq!(
        usage(&span),
        json!({ "input": 319, "output": 48, "output_reasoning_tokens": 59 })
    );
    assert_eq!(said(&span, MODEL).as_deref(), Some("gemini-2.5-flash"));
    let output = said(&span, "langfuse.observation.output").unwrap_or_default();
    let output: Json = serde_json::from_str(&output).unwrap_or_default();
    assert_eq!(output["tool_calls"][0]["function"]["name"], "weather");
}

#[test]
fn the_reasoning_of_claude_stays_in_the_output_which_has_a_price() {
    let span = normalized(
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 50,
            "gen_ai.usage.cache_read_input_tokens": 900,
            "gen_ai.usage.cache_creation.input_tokens": 100,
            "gen_ai.usage.reasoning.output_tokens": 40,
        }),
        Content::Preview,
    );
    // Older instrumentations count the cache beside the input, as the API does.
    assert_eq!(
        usage(&span),
        json!({
            "input": 10, "input_cached_tokens": 900, "input_cache_creation": 100, "output": 50,
        })
    );
}

#[test]
fn the_names_of_older_conventions_are_read() {
    let span = normalized(
        json!({
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.openai.request.service_tier": "auto",
            "gen_ai.openai.response.service_tier": "flex",
            "gen_ai.usage.prompt_tokens": "12",
            "gen_ai.usage.completion_tokens": 3.0,
        }),
        Content::Preview,
    );
    assert_eq!(said(&span, TYPE).as_deref(), Some("generation"));
    assert_eq!(usage(&span), json!({ "input": 12, "output": 3 }));
    let parameters = said(&span, MODEL_PARAMETERS);
    assert_eq!(parameters.as_deref(), Some(r#"{"service_tier":"flex"}"#));
}

#[test]
fn a_call_without_tokens_is_not_counted_by_the_server() {
    let attributes = json!({ "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5" });
    let without = normalized(attributes.clone(), Content::Preview);
    assert_eq!(usage(&without), json!({ "total": 0 }));

    let mut failed = span(attributes);
    failed.status = Status::error("no");
    normalize(&mut failed, Content::Preview, false);
    assert!(!is_said(&failed.attributes, USAGE_DETAILS));

    let other = json!({ "gen_ai.operation.name": "chat", "llm.token_count.prompt": 7 });
    assert!(!is_said(
        &normalized(other, Content::Preview).attributes,
        USAGE_DETAILS
    ));
}

#[test]
fn an_agent_around_calls_counts_none_of_their_tokens() {
    let span = normalized(
        json!({
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "guide",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 30,
        }),
        Content::Preview,
    );
    assert_eq!(said(&span, TYPE).as_deref(), Some("agent"));
    assert!(
        !span
            .attributes
            .iter()
            .any(|attribute| usage::is_usage(attribute.key.as_str()))
    );
    assert!(!is_said(&span.attributes, REQUEST_MODEL));
    let aside = |name: &str| said(&span, &format!("{METADATA}.{name}"));
    assert_eq!(aside("input_tokens").as_deref(), Some("100"));
    assert_eq!(aside("cache_read_input_tokens").as_deref(), Some("30"));
    assert_eq!(aside("model").as_deref(), Some("gpt-5"));
}

#[test]
fn a_call_that_an_observation_counts_is_a_step_without_tokens_or_messages() {
    let mut span = span(of_genai());
    normalize(&mut span, Content::Full, true);
    assert_eq!(said(&span, TYPE).as_deref(), Some("span"));
    for key in [
        USAGE_DETAILS,
        MODEL,
        REQUEST_MODEL,
        RESPONSE_MODEL,
        "gen_ai.usage.input_tokens",
    ] {
        assert!(!is_said(&span.attributes, key), "{key}");
    }
    assert!(!format!("{:?}", span.attributes).contains("Lima"));
    let once = format!("{:?}", span.attributes);
    normalize(&mut span, Content::Full, true);
    assert_eq!(once, format!("{:?}", span.attributes), "done twice");
}

#[test]
fn what_langfuse_was_told_stays() {
    let span = normalized(
        json!({
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5",
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.prompt.name": "greeting", "gen_ai.prompt.version": "3",
            "langfuse.observation.type": "agent",
            "langfuse.observation.usage_details": "{\"input\":1}",
        }),
        Content::Preview,
    );
    assert_eq!(said(&span, TYPE).as_deref(), Some("agent"));
    assert_eq!(usage(&span), json!({ "input": 1 }));
    assert_eq!(
        value(&span.attributes, PROMPT_VERSION),
        Some(&Value::I64(3))
    );
}

#[test]
fn a_prompt_without_a_version_that_is_a_number_is_no_link() {
    for version in ["v2", "0", "-1"] {
        let span = normalized(
            json!({
                "gen_ai.operation.name": "chat",
                "gen_ai.prompt.name": "greeting", "gen_ai.prompt.version": version,
            }),
            Content::Preview,
        );
        assert!(!is_said(&span.attributes, PROMPT_NAME), "{version}");
    }
}

#[test]
fn spans_about_something_else_stay_as_they_are() {
    let attributes = json!({ "http.route": "/chat", "gen_ai.operation.name": "made_up" });
    let before = format!("{:?}", span(attributes.clone()).attributes);
    let after = normalized(attributes, Content::Preview);
    assert_eq!(before, format!("{:?}", after.attributes));
}
