//! Flushes that overlap share requests, and a cancelled one loses nothing.

use std::time::Duration;

use warmspan::{
    Sdk,
    testkit::langfuse::{Fault, Langfuse},
};

const BUDGET: Duration = Duration::from_secs(10);

#[tokio::test]
async fn fifty_flushes_at_once_make_few_requests_and_each_sees_its_spans_delivered() {
    let langfuse = Langfuse::start().await.unwrap();
    langfuse.answer(Fault::Slow(Duration::from_millis(20)));
    let sdk = Sdk::new(langfuse.config());
    let flushes = (0..50).map(|number| {
        let sdk = sdk.clone();
        tokio::spawn(async move {
            sdk.span(format!("request-{number}")).end();
            sdk.force_flush(BUDGET).await
        })
    });
    for flush in futures_util::future::join_all(flushes).await {
        let report = flush.unwrap();
        assert!(report.is_complete(), "{report}");
    }
    assert_eq!(langfuse.observations().len(), 50);
    assert!(
        langfuse.requests().len() < 25,
        "{} requests",
        langfuse.requests().len()
    );
}

#[tokio::test]
async fn a_flush_that_is_dropped_half_way_leaves_its_spans_to_the_next() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    langfuse.answer(Fault::Hang);
    sdk.span("one").end();
    let asked = async {
        while langfuse.requests().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        report = sdk.force_flush(BUDGET) => panic!("answered: {report}"),
        () = asked => {}
    }
    assert_eq!(sdk.pending_spans(), 1);
    langfuse.recover();
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!(
        (report.delivered(), sdk.losses().total()),
        (1, 0),
        "{report}"
    );
}

#[tokio::test]
async fn several_sdks_keep_their_projects_apart() {
    let (one, two) = (
        Langfuse::start().await.unwrap(),
        Langfuse::start().await.unwrap(),
    );
    let (first, second) = (Sdk::new(one.config()), Sdk::new(two.config()));
    let parent = first.span("of-first");
    parent.in_scope(|| second.span("of-second").end());
    parent.end();
    assert_eq!(first.force_flush(BUDGET).await.delivered(), 1);
    assert_eq!(second.force_flush(BUDGET).await.delivered(), 1);
    assert_eq!(one.traces()[0].outline(), "of-first [span]\n");
    assert_eq!(two.traces()[0].outline(), "of-second [span]\n");
}
