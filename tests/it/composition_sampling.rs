//! Traces with spans of the application's own, kept or left out at their end.

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{
        Span as _, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId,
        TraceState, Tracer as _,
    },
};
use warmspan::{Score, create_trace_id};

use crate::composition::{BUDGET, Stage, within};

/// Only failed traces are kept.
async fn stage() -> Stage {
    let rule = |config: warmspan::Config| config.sample_rate(0.0).keep_errors(true);
    Stage::with(rule, |sdk| Some(sdk.span_processor())).await
}

async fn names(stage: &Stage) -> Vec<String> {
    let report = stage.sdk.force_flush(BUDGET).await;
    assert!(report.is_complete(), "{report}");
    let mut names: Vec<_> = stage
        .langfuse
        .observations()
        .into_iter()
        .map(|one| one.name)
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn roots_beside_each_other_are_decided_together() {
    let stage = stage().await;
    within(stage.tracer.start("GET /"), || {
        let answer = stage.sdk.span("answer");
        drop(stage.llm("chat", "chat"));
        answer.error("no").end();
    });
    assert_eq!(names(&stage).await, ["answer", "chat"]);
}

#[tokio::test]
async fn a_root_of_the_applications_own_holds_its_trace_back() {
    let stage = stage().await;
    let agent = stage.llm("agent", "invoke_agent");
    within(agent, || {
        let mut chat = stage.llm("chat", "chat");
        chat.set_status(Status::error("no"));
        chat.end();
        assert_eq!(stage.sdk.pending_spans(), 0, "it is undecided");
    });
    assert_eq!(names(&stage).await, ["agent", "chat"]);
    within(stage.llm("agent", "invoke_agent"), || {
        drop(stage.llm("chat", "chat"));
    });
    assert_eq!(names(&stage).await.len(), 2, "a well one is left out");
}

#[tokio::test]
async fn a_failure_after_a_well_root_is_kept() {
    let stage = stage().await;
    within(stage.tracer.start("GET /"), || {
        drop(stage.llm("first", "chat"));
        let mut second = stage.llm("second", "chat");
        second.set_status(Status::error("no"));
    });
    assert_eq!(names(&stage).await, ["second"]);
}

#[tokio::test]
async fn spans_whose_root_is_in_another_process_are_sampled_too() {
    let stage = stage().await;
    let trace = TraceId::from(77);
    let remote = SpanContext::new(
        trace,
        SpanId::from(7),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let claim = KeyValue::new("langfuse_trace_id", trace.to_string());
    let context = Context::new()
        .with_remote_span_context(remote)
        .with_baggage([claim]);
    let attached = context.attach();
    drop(stage.llm("well", "chat"));
    stage.llm("failed", "chat").set_status(Status::error("no"));
    drop(attached);
    assert_eq!(names(&stage).await, ["failed"]);
}

#[tokio::test]
async fn a_well_trace_takes_no_room_from_a_failed_one() {
    let stage = stage().await;
    for _ in 0..2048 {
        stage.sdk.span("failed").error("no").end();
    }
    for _ in 0..100 {
        stage.sdk.span("well").end();
    }
    let sdk = &stage.sdk;
    let books = (
        sdk.pending_spans(),
        sdk.losses().total(),
        sdk.spans_sampled_out(),
    );
    assert_eq!(books, (2048, 0, 100));
}

#[tokio::test]
async fn a_score_waits_for_the_trace_that_it_is_about() {
    let stage = stage().await;
    let (open, failed) = (stage.sdk.span("open"), stage.sdk.span("failed"));
    failed.in_scope(|| {
        stage
            .sdk
            .score(open.trace_id(), None, Score::boolean("good", true));
    });
    failed.error("no").end();
    assert_eq!(stage.sdk.force_flush(BUDGET).await.delivered(), 1);
    open.end();
    assert_eq!(
        (stage.sdk.pending_spans(), stage.sdk.spans_sampled_out()),
        (0, 2)
    );
}

#[tokio::test]
async fn what_ends_long_after_its_root_is_sampled_by_its_id() {
    let stage = stage().await;
    let root = stage.sdk.span("root");
    let late = root.observation("late").start();
    root.end();
    for number in 0..1000 {
        let id = create_trace_id(&number.to_string());
        stage.sdk.observation("another").trace_id(id).start().end();
    }
    late.end();
    assert_eq!(stage.sdk.pending_spans(), 0);
}
