//! What the server drops without a word cannot be sent through the public API.
//!
//! A test for each rule of the ingestion of langfuse/langfuse 4.16 that costs an observation, a
//! trace or a field.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::{Value as Json, json};
use warmspan::{
    Config, Level, Observation, ObservationType, ObserveFuture as _, Sdk, TraceAttributes, Usage,
    testkit::langfuse::{self, Langfuse, Value},
};

/// What arrives of what `record` records.
async fn sent(record: impl AsyncFnOnce(&Sdk)) -> Vec<langfuse::Observation> {
    sent_with(|config| config, record).await
}

async fn sent_with(
    configure: impl FnOnce(Config) -> Config,
    record: impl AsyncFnOnce(&Sdk),
) -> Vec<langfuse::Observation> {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(configure(langfuse.config()));
    record(&sdk).await;
    let report = sdk.force_flush(Duration::from_secs(10)).await;
    assert!(report.is_complete(), "{report}");
    langfuse.observations()
}

/// Fails to serialise.
struct Broken;

impl Serialize for Broken {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("no"))
    }
}

#[tokio::test]
async fn a_prompt_has_a_name_and_an_integer_version_from_one() {
    let all = sent(async |sdk| {
        sdk.generation("good").prompt("p", 2);
        sdk.generation("bad").prompt("p", 0).prompt("", 1);
        async {
            sdk.generation("propagated-bad").end();
        }
        .with_trace_attributes(TraceAttributes::new().prompt("p", 0))
        .await;
        async {
            sdk.generation("propagated-good").end();
        }
        .with_trace_attributes(TraceAttributes::new().prompt("p", 3))
        .await;
    });
    for seen in all.await {
        let name = seen.text("langfuse.observation.prompt.name");
        let version = seen.int("langfuse.observation.prompt.version");
        match seen.name.as_str() {
            "good" => assert_eq!((name, version), (Some("p"), Some(2))),
            "propagated-good" => assert_eq!((name, version), (Some("p"), Some(3))),
            _ => assert_eq!((name, version), (None, None), "{}", seen.name),
        }
    }
}

#[tokio::test]
async fn the_completion_start_time_is_iso_8601_with_a_zone() {
    let times = [
        UNIX_EPOCH - Duration::from_secs(1),
        UNIX_EPOCH,
        SystemTime::now(),
        UNIX_EPOCH + Duration::from_secs(1 << 40),
    ];
    let all = sent(async |sdk| {
        for time in times {
            sdk.generation("timed").completion_start_time(time);
        }
    });
    for seen in all.await {
        let quoted = seen
            .text("langfuse.observation.completion_start_time")
            .unwrap();
        let iso: String = serde_json::from_str(quoted).unwrap();
        let shape: String = iso
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{iso}");
    }
}

#[tokio::test]
async fn model_parameters_are_an_object() {
    let all = sent(async |sdk| {
        sdk.generation("object")
            .model_parameters(&json!({"temperature": 0.5}));
        sdk.generation("long")
            .model_parameters(&json!({"stop": "x".repeat(20_000)}));
        sdk.generation("none").model_parameters("temperature=0.5");
        sdk.generation("none").model_parameters(&0.5);
        sdk.generation("none").model_parameters(&[0.5]);
        sdk.generation("none").model_parameters(&());
        sdk.generation("none").model_parameters(&true);
        sdk.generation("none").model_parameters(&Broken);
        sdk.generation("none")
            .attribute("llm.invocation_parameters", "temperature=0.5");
        sdk.generation("none").attribute("model_config", "[]");
    });
    let all = all.await;
    assert_eq!(all.len(), 10);
    for seen in all {
        let parameters = seen.text("langfuse.observation.model.parameters");
        let is_there = seen.name != "none";
        assert_eq!(parameters.is_some(), is_there, "{}", seen.name);
        if let Some(parameters) = parameters {
            assert!(
                serde_json::from_str::<Json>(parameters)
                    .unwrap()
                    .is_object()
            );
        }
        assert!(!seen.attributes.contains_key("llm.invocation_parameters"));
        assert!(!seen.attributes.contains_key("model_config"));
    }
}

#[tokio::test]
async fn so_they_are_when_a_mask_breaks_them() {
    let all = sent_with(
        |config| config.mask(|_, _| "***".to_owned()),
        async |sdk| {
            let generation = sdk.generation("one");
            generation.model_parameters(&json!({"stop": "secret"}));
        },
    );
    assert_eq!(
        all.await[0].text("langfuse.observation.model.parameters"),
        None
    );
}

#[tokio::test]
async fn status_messages_and_versions_are_text() {
    let all = sent(async |sdk| {
        sdk.span("said")
            .status_message("7")
            .version("7")
            .level(Level::Warning);
        sdk.span("failed").error(&7);
        async { sdk.span("propagated").end() }
            .with_trace_attributes(TraceAttributes::new().version("7"))
            .await;
    });
    let all = all.await;
    let text = |name: &str, key: &str| {
        all.iter()
            .find(|seen| seen.name == name)
            .unwrap()
            .text(key)
            .map(str::to_owned)
    };
    let (message, version) = ("langfuse.observation.status_message", "langfuse.version");
    assert_eq!(text("said", message).as_deref(), Some("7"));
    assert_eq!(text("said", version).as_deref(), Some("7"));
    assert_eq!(text("failed", message).as_deref(), Some("7"));
    assert_eq!(text("propagated", version).as_deref(), Some("7"));
}

#[tokio::test]
async fn the_name_of_a_trace_has_at_most_a_thousand_units() {
    let long = "😀".repeat(900);
    let all = sent(async |sdk| {
        // The name of the root is the trace's.
        sdk.span(long.clone()).end();
        sdk.span("renamed").name(long.clone());
        sdk.span("x".repeat(1000)).end();
        async { sdk.span("named").end() }
            .with_trace_attributes(TraceAttributes::new().trace_name("x".repeat(1001)))
            .await;
    });
    let all = all.await;
    assert_eq!(all.len(), 4);
    for seen in all {
        let units = seen.name.encode_utf16().count();
        assert!(units <= 1000, "{units}");
        assert_eq!(seen.text("langfuse.trace.name"), None);
        let is_cut = seen.name.ends_with('…');
        assert_eq!(is_cut, seen.name.starts_with('😀'), "{}", seen.name);
    }
}

#[tokio::test]
async fn types_are_lower_case_and_levels_upper_case() {
    let kinds = [
        ObservationType::Span,
        ObservationType::Generation,
        ObservationType::Event,
        ObservationType::Embedding,
        ObservationType::Agent,
        ObservationType::Tool,
        ObservationType::Chain,
        ObservationType::Retriever,
        ObservationType::Evaluator,
        ObservationType::Guardrail,
    ];
    let levels = [Level::Debug, Level::Default, Level::Warning, Level::Error];
    let all = sent(async |sdk| {
        for (kind, level) in kinds.into_iter().zip(levels.into_iter().cycle()) {
            sdk.observation("one")
                .as_type(kind)
                .start()
                .level(level)
                .end();
        }
    });
    for seen in all.await {
        let kind = seen.text("langfuse.observation.type").unwrap();
        assert!(kind.bytes().all(|byte| byte.is_ascii_lowercase()), "{kind}");
        let level = seen.text("langfuse.observation.level").unwrap();
        assert!(
            ["DEBUG", "DEFAULT", "WARNING", "ERROR"].contains(&level),
            "{level}"
        );
    }
}

#[tokio::test]
async fn a_public_trace_says_so_on_every_span() {
    let all = sent(async |sdk| {
        async {
            sdk.span("child").observation("grandchild").start().end();
            let task = async |sdk: Sdk| sdk.span("spawned").end();
            tokio::spawn(task(sdk.clone()).in_current_observation())
                .await
                .unwrap();
            async { sdk.span("with-a-user").end() }
                .with_trace_attributes(TraceAttributes::new().user_id("u"))
                .await;
        }
        .with_trace_attributes(TraceAttributes::new().public(true))
        .observed(sdk.span("root"))
        .await;
    });
    let all = all.await;
    assert_eq!(all.len(), 5);
    for seen in all {
        assert_eq!(
            seen.bool("langfuse.trace.public"),
            Some(true),
            "{}",
            seen.name
        );
    }
}

#[tokio::test]
async fn usage_is_integers_that_the_server_reads() {
    let all = sent(async |sdk| {
        sdk.generation("usage")
            .usage(Usage::new().input(3).with("huge", u64::MAX));
        let generation = sdk.generation("metadata");
        generation
            .metadata("input_tokens", &1.5)
            .metadata("output_tokens", &-1);
        generation.metadata("total_tokens", "many");
    });
    let all = all.await;
    let usage = |name: &str| {
        let seen = all.iter().find(|seen| seen.name == name).unwrap();
        seen.text("langfuse.observation.usage_details")
            .map(str::to_owned)
    };
    assert_eq!(
        usage("usage").as_deref(),
        Some(r#"{"input":3,"huge":9007199254740991}"#)
    );
    assert_eq!(usage("metadata"), None);
}

#[tokio::test]
async fn costs_are_finite_and_not_negative() {
    let all = sent(async |sdk| {
        for cost in [f64::NAN, f64::INFINITY, -0.5] {
            sdk.generation("none").cost(cost);
            sdk.generation("one")
                .cost_details([("input", cost), ("output", 0.25)]);
        }
    });
    for seen in all.await {
        let cost = seen.text("langfuse.observation.cost_details");
        let expected = (seen.name == "one").then_some(r#"{"output":0.25}"#);
        assert_eq!(cost, expected, "{}", seen.name);
    }
}

#[tokio::test]
async fn attributes_cannot_take_the_servers_names() {
    let all = sent(async |sdk| {
        sdk.generation("one")
            .attribute("langfuse.observation.prompt.version", "2")
            .attribute("langfuse.observation.completion_start_time", "yesterday")
            .attribute("langfuse.observation.status_message", 7)
            .attribute("langfuse.version", 7)
            .attribute("langfuse.observation.type", "GENERATION")
            .attribute("my.attribute", 7);
    });
    let seen = &all.await[0];
    assert_eq!(seen.int("my.attribute"), Some(7));
    assert_eq!(seen.text("langfuse.observation.type"), Some("generation"));
    for key in seen
        .attributes
        .keys()
        .filter(|key| key.starts_with("langfuse."))
    {
        let own = ["langfuse.observation.type", "langfuse.internal.is_app_root"];
        assert!(own.contains(&key.as_str()), "{key}");
    }
}

#[tokio::test]
async fn metadata_has_keys() {
    let all = sent(async |sdk| {
        sdk.span("one")
            .metadata_object("plain")
            .metadata_object(&[1])
            .metadata_object(&Broken);
        sdk.span("one").metadata("key", "plain");
    });
    for seen in all.await {
        assert_eq!(seen.attributes.get("langfuse.observation.metadata"), None);
    }
}

/// A span without ids costs the whole export.
#[tokio::test]
async fn every_span_has_ids() {
    let none = SpanContext::new(
        TraceId::INVALID,
        SpanId::INVALID,
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    let all = sent(async |sdk| {
        sdk.observation("chosen")
            .trace_id(TraceId::INVALID)
            .start()
            .end();
        sdk.observation("remote").parent_span(none).start().end();
        let disabled = Sdk::disabled().span("disabled");
        sdk.observation("under-nothing")
            .parent(&disabled)
            .start()
            .end();
        let half = SpanContext::new(
            warmspan::create_trace_id("a"),
            SpanId::INVALID,
            TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        );
        sdk.observation("half").parent_span(half).start().end();
    });
    let all = all.await;
    assert_eq!(all.len(), 4);
    for seen in all {
        assert_eq!(seen.parent_span_id, None, "{}", seen.name);
        assert!(
            seen.trace_id.bytes().any(|byte| byte != b'0'),
            "{}",
            seen.name
        );
        assert!(
            seen.span_id.bytes().any(|byte| byte != b'0'),
            "{}",
            seen.name
        );
        assert_eq!(
            seen.bool("langfuse.internal.is_app_root"),
            Some(true),
            "{}",
            seen.name
        );
    }
}

#[tokio::test]
async fn nothing_ends_before_it_begins() {
    let all = sent(async |sdk| {
        let span = sdk.span("one");
        span.end_at(UNIX_EPOCH);
    });
    let seen = &all.await[0];
    assert_eq!(seen.end, seen.start);
}

/// Values that the server would cut, drop or reject on its way to the trace.
#[tokio::test]
async fn trace_attributes_that_langfuse_would_not_take_are_left_out() {
    let long = "x".repeat(201);
    let attributes = TraceAttributes::new()
        .user_id(long.clone())
        .session_id("")
        .version(long.clone())
        .environment("Langfuse!")
        .tags([long.as_str(), "", "good"])
        .metadata("long", &long)
        .metadata("nothing", &());
    let all = sent(async |sdk| {
        async { sdk.span("one").end() }
            .with_trace_attributes(attributes)
            .await;
    });
    let seen = &all.await[0];
    let own = ["langfuse.observation.type", "langfuse.internal.is_app_root"];
    let others: Vec<_> = seen
        .attributes
        .iter()
        .filter(|(key, _)| !own.contains(&key.as_str()))
        .collect();
    let tags = Value::Array(vec![Value::Text("good".to_owned())]);
    assert_eq!(others, [(&"langfuse.trace.tags".to_owned(), &tags)]);
}

#[tokio::test]
async fn a_handle_from_another_task_keeps_to_its_own_trace() {
    let all = sent(async |sdk| {
        let theirs: Observation = async { sdk.span("theirs") }
            .with_trace_attributes(TraceAttributes::new().user_id("them"))
            .await;
        async { theirs.observation("their-child").start().end() }
            .with_trace_attributes(TraceAttributes::new().user_id("us"))
            .observed(sdk.span("ours"))
            .await;
        theirs.end();
    });
    for seen in all.await {
        let expected = if seen.name == "ours" { "us" } else { "them" };
        assert_eq!(seen.text("user.id"), Some(expected), "{}", seen.name);
    }
}
