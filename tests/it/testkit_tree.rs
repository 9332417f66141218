//! Traces print as trees.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use warmspan::testkit::langfuse::Langfuse;
use warmspan::testkit::tree::Trace;

use crate::testkit_http::Connection;

#[tokio::test]
async fn a_trace_is_a_tree_that_people_read() {
    let expected = "\
chat  span  cold start  815 ms
│  input:  {\"question\":\"Why is the sky blue?\"}
├─ answer  chain  812 ms
│  ├─ search  tool  5.0 ms  ERROR
│  │     status: no such index
│  └─ openai.responses  generation  gpt-5-mini  1,023 → 118 tokens  640 ms (first token 210 ms)
│        input:  Why is the sky blue?
│        output: Blue, because of Rayleigh (500 of 8,213 chars; WARMSPAN_CONTENT=full keeps all)
└─ done  event  0.0 ms";
    assert_eq!(trace(spans()).await.to_string(), expected);
}

#[tokio::test]
async fn an_outline_is_the_same_in_every_run() {
    let expected = "\
chat [span]
├─ answer [chain]
│  ├─ search [tool] ERROR \"no such index\"
│  └─ openai.responses [generation]
└─ done [event]
";
    let mut spans = spans();
    assert_eq!(trace(spans.clone()).await.outline(), expected);
    spans.reverse();
    assert_eq!(
        trace(spans).await.outline(),
        expected,
        "whatever the order of arrival"
    );
}

#[tokio::test]
async fn an_outline_shows_chosen_attributes() {
    let outline = trace(spans())
        .await
        .outline_with(&["langfuse.observation.model.name", "faas.coldstart"]);
    assert!(
        outline.starts_with("chat [span] faas.coldstart=true\n"),
        "{outline}"
    );
    assert!(
        outline.contains("[generation] langfuse.observation.model.name=gpt-5-mini\n"),
        "{outline}"
    );
}

#[tokio::test]
async fn siblings_that_start_together_are_ordered_by_name() {
    let outline = trace(vec![
        span("root", 1, None, 0, 9),
        span("b", 2, Some(1), 1, 2),
        span("a", 3, Some(1), 1, 2),
    ]);
    assert_eq!(
        outline.await.outline(),
        "root [span]\n├─ a [span]\n└─ b [span]\n"
    );
}

#[tokio::test]
async fn a_span_without_its_parent_is_a_root_and_a_circle_ends() {
    let orphans = trace(vec![
        span("child", 2, Some(99), 0, 9),
        span("grandchild", 3, Some(2), 1, 2),
    ])
    .await;
    assert_eq!(orphans.outline(), "child [span]\n└─ grandchild [span]\n");
    assert_eq!(orphans.root().unwrap().name, "child");
    assert_eq!(
        orphans.children(orphans.find("child").unwrap())[0].name,
        "grandchild"
    );

    let circle = trace(vec![span("self", 2, Some(2), 0, 9)]).await;
    assert_eq!(circle.outline(), "self [span]\n");
}

#[tokio::test]
async fn long_texts_stay_on_one_line_of_100_columns() {
    let mut long = span("root", 1, None, 0, 9);
    set(
        &mut long,
        "langfuse.observation.input",
        json!({ "stringValue": "a line\n".repeat(100) }),
    );
    let tree = trace(vec![long]).await.tree();
    let line = tree.lines().nth(1).unwrap();
    assert!(line.ends_with('…') && line.chars().count() <= 101, "{line}");
    assert_eq!(tree.lines().count(), 2);
}

/// Sends the spans to an in-process Langfuse, and reads the trace there.
async fn trace(spans: Vec<Value>) -> Trace {
    let langfuse = Langfuse::start().await.unwrap();
    let export = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] });
    let keys = format!("{}:{}", langfuse.public_key(), langfuse.secret_key());
    let authorization = format!("Basic {}", BASE64_STANDARD.encode(keys));
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    let mut connection = Connection::open(&langfuse.base_url()).unwrap();
    let answer = connection
        .post(
            "/api/public/otel/v1/traces",
            &headers,
            export.to_string().as_bytes(),
        )
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    langfuse.traces().remove(0)
}

fn spans() -> Vec<Value> {
    let text = |value: &str| json!({ "stringValue": value });
    let mut root = span("chat", 1, None, 0, 815);
    set(&mut root, "faas.coldstart", json!({ "boolValue": true }));
    set(
        &mut root,
        "langfuse.observation.input",
        text(r#"{"question":"Why is the sky blue?"}"#),
    );
    let mut chain = span("answer", 2, Some(1), 1, 813);
    set(&mut chain, "langfuse.observation.type", text("chain"));
    let mut tool = span("search", 3, Some(2), 2, 7);
    set(&mut tool, "langfuse.observation.type", text("tool"));
    set(&mut tool, "langfuse.observation.level", text("ERROR"));
    set(
        &mut tool,
        "langfuse.observation.status_message",
        text("no such index"),
    );
    let mut generation = span("openai.responses", 4, Some(2), 10, 650);
    set(
        &mut generation,
        "langfuse.observation.type",
        text("generation"),
    );
    set(
        &mut generation,
        "langfuse.observation.model.name",
        text("gpt-5-mini"),
    );
    let usage = r#"{"input":23,"input_cached_tokens":1000,"output":100,"output_reasoning_tokens":18,"total":1141}"#;
    set(
        &mut generation,
        "langfuse.observation.usage_details",
        text(usage),
    );
    set(
        &mut generation,
        "langfuse.observation.completion_start_time",
        text("\"2026-11-22T08:00:00.220Z\""),
    );
    set(
        &mut generation,
        "langfuse.observation.input",
        text("Why is the sky blue?"),
    );
    set(
        &mut generation,
        "langfuse.observation.output",
        text("Blue, because of Rayleigh"),
    );
    set(
        &mut generation,
        "warmspan.output.chars",
        json!({ "intValue": "8213" }),
    );
    set(
        &mut generation,
        "warmspan.output.kept",
        json!({ "intValue": "500" }),
    );
    let mut event = span("done", 5, Some(1), 814, 814);
    set(&mut event, "langfuse.observation.type", text("event"));
    vec![root, chain, tool, generation, event]
}

/// A span from and to so many milliseconds after 2026-11-22T08:00:00Z.
fn span(name: &str, id: u8, parent: Option<u8>, from_ms: u64, to_ms: u64) -> Value {
    let time = |ms: u64| (1_795_334_400_000_000_000 + ms * 1_000_000).to_string();
    json!({
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": format!("{id:016x}"),
        "parentSpanId": parent.map(|parent| format!("{parent:016x}")).unwrap_or_default(),
        "name": name,
        "startTimeUnixNano": time(from_ms),
        "endTimeUnixNano": time(to_ms),
        "attributes": [],
    })
}

fn set(span: &mut Value, key: &str, value: impl Into<Value>) {
    let value = value.into();
    span["attributes"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "key": key, "value": value }));
}
