//! One connection is kept warm, and one that died during a freeze costs nothing.

use std::time::Duration;

use warmspan::{
    Sdk,
    testkit::langfuse::{Fault, Langfuse},
};

const BUDGET: Duration = Duration::from_secs(5);

#[tokio::test]
async fn flush_after_flush_uses_the_same_connection() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    for _ in 0..5 {
        sdk.span("one").end();
        assert!(sdk.force_flush(BUDGET).await.is_complete());
    }
    assert_eq!((langfuse.requests().len(), langfuse.connections()), (5, 1));
}

#[tokio::test]
async fn a_connection_that_the_collector_closed_is_replaced_at_once() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    for round in 1..=5 {
        sdk.span("one").end();
        let report = sdk.force_flush(BUDGET).await;
        assert_eq!(
            (report.delivered(), report.last_error().is_none()),
            (1, true),
            "round {round}: {report}"
        );
        langfuse.close_idle_connections();
    }
    assert_eq!(langfuse.observations().len(), 5);
}

#[tokio::test]
async fn a_request_that_a_warm_connection_swallowed_is_sent_once_more() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    sdk.span("warm-up").end();
    assert!(sdk.force_flush(BUDGET).await.is_complete());
    langfuse.answer_next(1, &Fault::CloseBeforeResponse);
    sdk.span("one").end();
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!(report.delivered(), 1, "{report}");
    assert_eq!(langfuse.connections(), 2);
}

#[tokio::test]
async fn a_warm_connection_that_went_silent_leaves_half_the_budget_to_a_fresh_one() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    sdk.span("warm-up").end();
    assert!(sdk.force_flush(BUDGET).await.is_complete());
    langfuse.answer_next(1, &Fault::Hang);
    sdk.span("one").end();
    let report = sdk.force_flush(Duration::from_secs(1)).await;
    assert_eq!(report.delivered(), 1, "{report}");
}

#[tokio::test]
async fn a_fresh_connection_that_breaks_is_not_tried_again_in_the_same_flush() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    langfuse.answer(Fault::CloseBeforeResponse);
    sdk.span("one").end();
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!((report.delivered(), report.kept()), (0, 1));
    assert_eq!(langfuse.requests().len(), 1);
}
