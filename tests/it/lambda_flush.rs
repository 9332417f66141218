//! How long a response waits for a flush, and what becomes of what could not be sent.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::Service as _;
use warmspan::{lambda::Traced, testkit::langfuse::Fault};

use crate::lambda_stage::{Stage, buffered, event, invoke};

#[tokio::test]
async fn without_the_layer_it_comes_before_the_response_whatever_the_setting() {
    let stage = Stage::set().await;
    let sdk = stage.sdk_with(&[("WARMSPAN_FLUSH", "after-response")]);
    let mut service = Traced::new(service_fn(echo), sdk);
    invoke(&mut service, "{}").await.unwrap();

    assert_eq!(stage.outlines(&[]), ["chat [span]\n"]);
}

#[tokio::test]
async fn a_deadline_in_1970_stops_no_flush() {
    for deadline in [0, 600_000] {
        let stage = Stage::set().await;
        let mut service = Traced::new(service_fn(echo), stage.sdk());
        let mut event = event("{}");
        event.context.deadline = deadline;
        service.call(event).await.unwrap();

        assert_eq!(stage.outlines(&[]), ["chat [span]\n"]);
    }
}

#[tokio::test]
async fn where_the_deadline_is_near_it_is_left_to_the_next_invocation() {
    let stage = Stage::set().await;
    let sdk = stage.sdk();
    let mut service = Traced::new(service_fn(echo), sdk.clone());
    let mut hurried = event("{}");
    hurried.context.deadline = in_unix_millis(Duration::from_millis(50));
    service.call(hurried).await.unwrap();
    assert_eq!(
        (sdk.pending_spans(), stage.langfuse.requests().len()),
        (1, 0)
    );
    invoke(&mut service, "{}").await.unwrap();

    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (0, 0));
    assert_eq!(stage.langfuse.traces().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_hangs_costs_the_timeout_and_no_more() {
    let stage = Stage::set().await;
    stage.langfuse.answer(Fault::Hang);
    let sdk = stage.sdk_with(&[("LANGFUSE_TIMEOUT", "1.5")]);
    let mut service = Traced::new(service_fn(echo), sdk.clone());
    let called = Instant::now();
    let response = invoke(&mut service, r#"{"an":"answer"}"#).await;

    assert_eq!(buffered(response), json!({ "an": "answer" }));
    assert!(
        called.elapsed() <= Duration::from_millis(1_501),
        "{:?}",
        called.elapsed()
    );
    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn after_two_failures_in_a_row_no_response_waits() {
    let stage = Stage::set().await;
    stage.langfuse.answer(Fault::Hang);
    let sdk = stage.sdk();
    let mut service = Traced::new(service_fn(echo), sdk.clone());
    for _ in 0..2 {
        invoke(&mut service, "{}").await.unwrap();
    }
    let called = Instant::now();
    for _ in 0..3 {
        invoke(&mut service, "{}").await.unwrap();
    }

    assert_eq!(called.elapsed(), Duration::ZERO);
    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn half_a_minute_later_one_tries_again_and_delivers_what_is_left() {
    let stage = Stage::set().await;
    stage.langfuse.answer(Fault::Hang);
    let sdk = stage.sdk();
    let mut service = Traced::new(service_fn(echo), sdk.clone());
    for _ in 0..3 {
        invoke(&mut service, "{}").await.unwrap();
    }
    stage.langfuse.recover();
    tokio::time::advance(Duration::from_secs(31)).await;
    // From here on the network is waited for.
    tokio::time::resume();
    invoke(&mut service, "{}").await.unwrap();

    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (0, 0));
    assert_eq!(stage.langfuse.traces().len(), 4);
}

#[tokio::test]
async fn the_next_invocation_delivers_what_the_last_one_could_not() {
    let stage = Stage::set().await;
    stage.langfuse.answer_next(1, &Fault::status(503));
    let sdk = stage.sdk();
    let mut service = Traced::new(service_fn(echo), sdk.clone());
    invoke(&mut service, "{}").await.unwrap();
    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (1, 0));
    invoke(&mut service, "{}").await.unwrap();

    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (0, 0));
    assert_eq!(
        stage.outlines(&["faas.coldstart"]),
        [
            "chat [span] faas.coldstart=true\n",
            "chat [span] faas.coldstart=false\n"
        ]
    );
}

#[tokio::test]
async fn with_tracing_off_nothing_waits_and_nothing_is_sent() {
    let stage = Stage::set().await;
    let sdk = stage.sdk_with(&[("LANGFUSE_TRACING_ENABLED", "false")]);
    let mut service = Traced::new(service_fn(echo), sdk);
    let response = invoke(&mut service, r#"{"an":"answer"}"#).await;

    assert_eq!(buffered(response), json!({ "an": "answer" }));
    assert_eq!(stage.langfuse.connections(), 0);
}

fn in_unix_millis(time: Duration) -> u64 {
    let deadline = SystemTime::now() + time;
    let since_epoch = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since_epoch.as_millis()).unwrap()
}

async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
