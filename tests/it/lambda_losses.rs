//! What a collector's answer means for the spans of an invocation: kept, or lost and counted.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use warmspan::{Losses, Sdk, lambda::Traced, testkit::langfuse::Fault};

use crate::lambda_stage::{LONG, Stage, buffered, invoke};

#[tokio::test]
async fn a_collector_that_is_busy_or_away_loses_nothing() {
    for status in [429, 502, 503, 504] {
        let (stage, sdk) = invoked_once(Fault::status(status)).await;
        assert_eq!(
            (sdk.pending_spans(), sdk.losses().total()),
            (2, 0),
            "{status}"
        );

        stage.langfuse.recover();
        assert!(sdk.force_flush(LONG).await.is_complete(), "{status}");
        assert_eq!(
            stage.outlines(&[]),
            ["chat [span]\n└─ step [span]\n"],
            "{status}"
        );
    }
}

#[tokio::test]
async fn wrong_keys_lose_what_was_sent() {
    for status in [401, 403] {
        let (_stage, sdk) = invoked_once(Fault::status(status)).await;
        assert_eq!(sdk.pending_spans(), 0, "{status}");
        assert_only(&sdk, Losses::refused);
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_lost_span_by_span() {
    let (stage, sdk) = invoked_once(Fault::status(400)).await;
    assert_eq!(
        (sdk.pending_spans(), stage.langfuse.requests().len()),
        (0, 3)
    );
    assert_only(&sdk, Losses::refused);
}

#[tokio::test]
async fn one_span_that_cannot_be_read_loses_no_other() {
    let stage = Stage::set().await;
    // The whole request, then one of its halves.
    stage.langfuse.answer_next(2, &Fault::status(400));
    let sdk = stage.sdk();
    invoke_with_a_step(&sdk).await;

    assert_eq!(
        (
            sdk.pending_spans(),
            sdk.losses().refused(),
            sdk.losses().total()
        ),
        (0, 1, 1)
    );
    assert_eq!(stage.langfuse.observations().len(), 1);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_split() {
    let stage = Stage::set().await;
    stage.langfuse.answer_next(1, &Fault::status(413));
    let sdk = stage.sdk();
    invoke_with_a_step(&sdk).await;

    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (0, 0));
    assert_eq!(stage.outlines(&[]), ["chat [span]\n└─ step [span]\n"]);
}

#[tokio::test]
async fn spans_that_are_too_large_one_by_one_are_lost() {
    let (_stage, sdk) = invoked_once(Fault::status(413)).await;
    assert_eq!(sdk.pending_spans(), 0);
    assert_only(&sdk, Losses::too_large);
}

#[tokio::test]
async fn a_partial_success_loses_what_was_rejected() {
    let (_stage, sdk) = invoked_once(Fault::PartialSuccess { rejected: 1 }).await;
    assert_eq!(
        (
            sdk.pending_spans(),
            sdk.losses().rejected(),
            sdk.losses().total()
        ),
        (0, 1, 1)
    );
}

#[tokio::test]
async fn the_next_root_says_how_many_were_lost() {
    let (stage, sdk) = invoked_once(Fault::status(401)).await;
    stage.langfuse.recover();
    invoke_with_a_step(&sdk).await;

    assert_eq!(
        stage.outlines(&["warmspan.lost_spans"]),
        ["chat [span] warmspan.lost_spans=2\n└─ step [span]\n"]
    );
}

#[tokio::test]
async fn a_retry_after_is_obeyed() {
    let fault = Fault::Status {
        code: 429,
        retry_after: Some(LONG),
    };
    let (stage, sdk) = invoked_once(fault).await;
    stage.langfuse.recover();
    invoke_with_a_step(&sdk).await;

    assert_eq!(stage.langfuse.requests().len(), 1, "called again too early");
    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (4, 0));
}

/// A stage whose collector commits `fault` on every request, after one invocation of two spans. Its
/// response was right.
async fn invoked_once(fault: Fault) -> (Stage, Sdk) {
    let stage = Stage::set().await;
    stage.langfuse.answer(fault);
    let sdk = stage.sdk();
    invoke_with_a_step(&sdk).await;
    (stage, sdk)
}

async fn invoke_with_a_step(sdk: &Sdk) {
    let inside = sdk.clone();
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let sdk = inside.clone();
        async move {
            sdk.span("step").end();
            Ok::<_, Error>(event.payload)
        }
    });
    let mut service = Traced::new(handler, sdk.clone());
    let response = invoke(&mut service, r#"{"an":"answer"}"#).await;
    assert_eq!(buffered(response), json!({ "an": "answer" }));
}

/// Asserts that both spans were lost, for this reason.
fn assert_only(sdk: &Sdk, reason: fn(&Losses) -> usize) {
    let losses = sdk.losses();
    assert_eq!((reason(&losses), losses.total()), (2, 2), "{losses}");
}
