//! Which traces are kept: at their beginning by their ids, at their end by how they went.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};
use warmspan::{
    Config, Level, Observation, Score, Sdk, create_trace_id,
    testkit::langfuse::{Fault, Langfuse},
};

const BUDGET: Duration = Duration::from_secs(5);

/// An SDK that keeps no trace but for its rule.
async fn sdk(rule: impl FnOnce(Config) -> Config) -> (Langfuse, Sdk) {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(rule(langfuse.config().sample_rate(0.0)));
    (langfuse, sdk)
}

/// A request with a step inside, which takes so long.
fn request(sdk: &Sdk, name: &'static str, took: Duration, step: impl FnOnce(&Observation)) {
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let root = sdk.observation(name).start_time(begin).start();
    let inside = root.observation("step").start_time(begin).start();
    step(&inside);
    inside.end_at(begin);
    root.end_at(begin + took);
}

async fn kept(langfuse: &Langfuse, sdk: &Sdk) -> Vec<String> {
    let report = sdk.force_flush(BUDGET).await;
    assert!(report.is_complete(), "{report}");
    let traces = langfuse.traces();
    traces
        .iter()
        .map(warmspan::testkit::tree::Trace::outline)
        .collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn failed_traces_are_kept_whole() {
    let (langfuse, sdk) = sdk(|config| config.keep_errors(true)).await;
    request(&sdk, "well", SECOND, |_| ());
    request(&sdk, "warned", SECOND, |step| {
        _ = step.level(Level::Warning);
    });
    request(&sdk, "failed", SECOND, |step| _ = step.error("no answer"));
    assert_eq!(
        kept(&langfuse, &sdk).await,
        ["failed [span]\n└─ step [span] ERROR \"no answer\"\n"]
    );
    assert_eq!(
        (
            sdk.spans_sampled_out(),
            sdk.losses().total(),
            sdk.pending_spans()
        ),
        (4, 0, 0)
    );
}

#[tokio::test]
async fn slow_traces_are_kept_whole() {
    let (langfuse, sdk) = sdk(|config| config.keep_slower_than(2 * SECOND)).await;
    request(&sdk, "quick", SECOND, |step| {
        _ = step.error("quick errors are sampled");
    });
    request(&sdk, "slow", 2 * SECOND, |_| ());
    assert_eq!(
        kept(&langfuse, &sdk).await,
        ["slow [span]\n└─ step [span]\n"]
    );
}

#[tokio::test]
async fn the_others_are_sampled_by_their_ids() {
    let langfuse = Langfuse::start().await.unwrap();
    let rule = |config: Config| config.sample_rate(0.3).keep_errors(true);
    let (tail, head) = (
        Sdk::new(rule(langfuse.config())),
        Sdk::new(langfuse.config().sample_rate(0.3)),
    );
    let mut expected = 0;
    for number in 0..200 {
        let id = create_trace_id(&number.to_string());
        let by_head = head.observation("head").trace_id(id).start();
        expected += usize::from(by_head.span_context().is_sampled());
        let by_tail = tail.observation("tail").trace_id(id).start();
        assert!(by_tail.is_recording(), "nothing is decided yet");
        by_tail.end();
    }
    assert_eq!(tail.pending_spans(), expected);
    assert!((30..90).contains(&expected), "{expected}");
}

#[tokio::test]
async fn nothing_leaves_before_the_root_has_ended() {
    let (langfuse, sdk) = sdk(|config| config.keep_errors(true)).await;
    let root = sdk.span("root");
    root.observation("failed").start().error("early").end();
    assert_eq!(kept(&langfuse, &sdk).await.len(), 0);
    assert_eq!(sdk.pending_spans(), 0, "it is undecided");
    root.end();
    assert_eq!(sdk.pending_spans(), 2);
    assert_eq!(kept(&langfuse, &sdk).await.len(), 1);
}

#[tokio::test]
async fn what_ends_after_its_root_goes_the_same_way() {
    let (langfuse, sdk) = sdk(|config| config.keep_errors(true)).await;
    for name in ["well", "failed"] {
        let root = sdk.span(name);
        let late = root.observation("late").start();
        if name == "failed" {
            root.error("no");
        }
        root.end();
        late.end();
    }
    assert_eq!(
        kept(&langfuse, &sdk).await,
        ["failed [span] ERROR \"no\"\n└─ late [span]\n"]
    );
    assert_eq!(sdk.spans_sampled_out(), 2);
}

#[tokio::test]
async fn two_roots_of_one_trace_are_decided_together() {
    let (langfuse, sdk) = sdk(|config| config.keep_errors(true)).await;
    let remote = SpanContext::new(
        create_trace_id("remote"),
        SpanId::from(7),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let first = sdk.observation("first").parent_span(remote.clone()).start();
    let second = sdk.observation("second").parent_span(remote).start();
    first.end();
    assert_eq!(sdk.pending_spans(), 0);
    second.error("no");
    second.end();
    assert_eq!(kept(&langfuse, &sdk).await.len(), 1);
    assert_eq!(langfuse.observations().len(), 2);
}

#[tokio::test]
async fn scores_go_where_their_trace_goes() {
    let (langfuse, sdk) = sdk(|config| config.keep_errors(true)).await;
    let elsewhere = create_trace_id("an earlier invocation's");
    for failed in [false, true] {
        let root = sdk.span("root");
        root.score_trace(Score::boolean("failed", failed));
        root.in_scope(|| sdk.score(elsewhere, None, Score::boolean("helpful", true)));
        if failed {
            root.error("no");
        }
        root.end();
        sdk.score(root.trace_id(), None, Score::boolean("late", failed));
    }
    kept(&langfuse, &sdk).await;
    assert_eq!(langfuse.observations().len(), 1);
    let bodies = langfuse.requests();
    let scores: Vec<serde_json::Value> = bodies
        .iter()
        .filter(|request| request.path == "/api/public/ingestion")
        .flat_map(|request| {
            let batch: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            batch["batch"].as_array().unwrap().clone()
        })
        .map(|event| event["body"].clone())
        .collect();
    let named = |name: &str| scores.iter().filter(|score| score["name"] == name).count();
    assert_eq!(
        (named("helpful"), named("failed"), named("late")),
        (2, 1, 1),
        "{scores:?}"
    );
}

#[tokio::test]
async fn a_shutdown_sends_what_is_undecided() {
    let (langfuse, sdk) = sdk(|config| config.keep_errors(true)).await;
    let root = sdk.span("root");
    root.observation("step").start().end();
    let report = sdk.shutdown(BUDGET).await;
    assert_eq!((report.delivered(), report.lost()), (1, 0));
    assert_eq!(langfuse.observations().len(), 1);
}

#[tokio::test]
async fn a_shutdown_that_fails_counts_what_it_held_back() {
    let (langfuse, sdk) = sdk(|config| config.keep_errors(true)).await;
    let root = sdk.span("root");
    root.observation("step").start().end();
    langfuse.answer(Fault::status(503));
    let report = sdk.shutdown(Duration::from_millis(50)).await;
    assert_eq!((report.delivered(), report.lost()), (0, 1), "{report}");
    drop(root);
}

#[tokio::test]
async fn a_rule_that_keeps_everything_anyway_holds_nothing_back() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config().keep_errors(true));
    let root = sdk.span("root");
    root.observation("step").start().end();
    assert_eq!(sdk.pending_spans(), 1);
}

#[tokio::test]
async fn the_rule_comes_from_the_environment_too() {
    let langfuse = Langfuse::start().await.unwrap();
    let variables = [
        ("LANGFUSE_SAMPLE_RATE", "0"),
        ("WARMSPAN_KEEP_ERRORS", "true"),
        ("WARMSPAN_KEEP_SLOWER_THAN", "1.5"),
    ];
    let sdk = Sdk::new(langfuse.config().environment_variables(variables));
    request(&sdk, "well", SECOND, |_| ());
    request(&sdk, "slow", 2 * SECOND, |_| ());
    request(&sdk, "failed", SECOND, |step| _ = step.error("no"));
    assert_eq!(sdk.pending_spans(), 4);
}
