//! What the official SDKs were told when their captures were made, told to this crate.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{Stream, StreamExt as _, stream};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use warmspan::{
    Level, Observation, ObservationType, ObserveFuture as _, Score, Sdk, TraceAttributes, Usage,
    observe, testkit::langfuse::Langfuse,
};

pub(super) const BUDGET: Duration = Duration::from_secs(10);

pub(super) fn sdk(langfuse: &Langfuse) -> Sdk {
    Sdk::new(langfuse.config().environment("staging").release("r1"))
}

pub(super) async fn python(sdk: &Sdk, updates_trace: bool) {
    let root = sdk.span("root");
    root.input(&json!({"q": "hi"}))
        .metadata_object(&metadata())
        .metadata("big", &(1_u64 << 60));
    async {
        async {
            let generation = begin_generation(sdk);
            end_generation(&generation, 456);
            types_and_event(sdk);
        }
        .with_trace_attributes(attributes())
        .await;
        root.output(&Output::default());
        if updates_trace {
            TraceAttributes::new().metadata("tm", &1).in_scope(|| ());
        }
        root.score_trace(Score::numeric("s", 1.0))
            .score(Score::categorical("s2", "cat"));
    }
    .with_trace_attributes(TraceAttributes::new().public(true))
    .observed(root.clone())
    .await;

    raises(sdk).await;
    f(sdk, 1, 3).unwrap_err();
    count(sdk, 3).collect::<Vec<_>>().await;
    remote(sdk);
}

pub(super) async fn typescript(sdk: &Sdk, updates_trace: bool) {
    let root = sdk.span("root");
    let epoch = "1970-01-01T00:00:00.000Z";
    async {
        root.input(&json!({"q": "hi"}))
            .metadata_object(&metadata())
            .metadata("date", epoch);
        async {
            let generation = begin_generation(sdk);
            generation.prompt("p", 2);
            end_generation(&generation, 0);
            types_and_event(sdk);
        }
        .with_trace_attributes(attributes())
        .await;
        root.output(&json!({"dt": epoch, "nan": f64::NAN, "u": "é"}));
        if updates_trace {
            TraceAttributes::new()
                .trace_name("tn")
                .metadata("tm", &1)
                .in_scope(|| ());
        }
    }
    .with_trace_attributes(TraceAttributes::new().public(true))
    .observed(root.clone())
    .await;

    raises(sdk).await;
    f(sdk, 1, 2).unwrap_err();
    f2(sdk, 1);
    remote(sdk);
}

fn metadata() -> Value {
    json!({
        "str": "x", "int": 1, "float": 1.5, "bool": true, "none": null, "nested": {"a": [1]},
        "numstr": "123", "nan": f64::NAN,
    })
}

fn attributes() -> TraceAttributes {
    TraceAttributes::new()
        .user_id("u1")
        .session_id("s1")
        .tags(["t1", "t2"])
        .metadata("pk", "pv")
        .version("v9")
        .trace_name("my-trace")
}

fn begin_generation(sdk: &Sdk) -> Observation {
    let generation = sdk.generation("gen");
    generation
        .model("gpt-4o")
        .input(&json!([{"role": "user", "content": "hé"}]))
        .model_parameters(&json!({"temperature": 0.7, "stop": ["a"], "n": 1}));
    generation
}

fn end_generation(generation: &Observation, micros: u64) {
    generation
        .output("out")
        .usage(Usage::new().input(3).output(2).total(5))
        .cost_details([("total", 0.01)])
        .completion_start_time(at(1_795_334_400) + Duration::from_micros(123_000 + micros))
        .level(Level::Warning)
        .status_message("careful")
        .version("g1")
        .end();
}

fn types_and_event(sdk: &Sdk) {
    for kind in [
        ObservationType::Agent,
        ObservationType::Tool,
        ObservationType::Chain,
        ObservationType::Retriever,
        ObservationType::Evaluator,
        ObservationType::Embedding,
        ObservationType::Guardrail,
    ] {
        let observation = sdk
            .observation(format!("o-{}", kind.as_str()))
            .as_type(kind)
            .start();
        observation.metadata_object("plain").end();
    }
    sdk.event("ev").input(&1).output(&false).end();
}

async fn raises(sdk: &Sdk) {
    let failing = async { Err::<(), _>("kaboom") };
    failing
        .observed_result(sdk.span("raises"))
        .await
        .unwrap_err();
}

#[observe(as_type = "tool", sdk = sdk, skip(sdk))]
fn f(sdk: &Sdk, a: u8, b: u8) -> Result<(), &'static str> {
    let _ = (a, b);
    Err("obs-err")
}

#[observe(sdk = sdk, skip(sdk))]
fn f2(sdk: &Sdk, a: u8) -> u8 {
    a + 1
}

#[observe(name = "gen", sdk = sdk, skip(sdk))]
fn count(sdk: &Sdk, n: u8) -> impl Stream<Item = String> + use<> {
    stream::iter(0..n).map(|i| i.to_string())
}

fn remote(sdk: &Sdk) {
    let parent = SpanContext::new(
        TraceId::from_hex("0af7651916cd43dd8448eb211c80319c").unwrap(),
        SpanId::from_hex("b7ad6b7169203331").unwrap(),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    sdk.observation("remote").parent_span(parent).start().end();
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The values that the Python scenario has, as a Rust program has them.
#[derive(Serialize)]
struct Output {
    dt: &'static str,
    nan: f64,
    inf: f64,
    b: Bytes,
    bad: Bytes,
    big: u64,
    set: [u8; 1],
    uuid: &'static str,
    obj: Value,
    exc: String,
    u: &'static str,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            dt: "2026-01-02T03:04:05Z",
            nan: f64::NAN,
            inf: f64::NEG_INFINITY,
            b: Bytes(b"abc"),
            bad: Bytes(&[0xFF, 0xFE]),
            big: 1 << 60,
            set: [1],
            uuid: "00000000-0000-0000-0000-000000000001",
            obj: json!({"a": 1}),
            exc: std::io::Error::other("boom").to_string(),
            u: "é",
        }
    }
}

/// Bytes that serialise as bytes.
struct Bytes(&'static [u8]);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
