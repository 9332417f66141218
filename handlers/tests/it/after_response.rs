//! `WARMSPAN_FLUSH`: who waits for a slow collector.

use std::time::Duration;

use warmspan::testkit::langfuse::Fault;

use crate::surroundings::{Surroundings, assert_answered, event};

const SLOW: Duration = Duration::from_millis(300);

#[tokio::test]
async fn after_the_response_only_the_freeze_waits_for_a_slow_collector() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .function()
        .env("WARMSPAN_FLUSH", "after-response")
        .start()
        .await
        .unwrap();
    surroundings.langfuse.answer(Fault::Slow(SLOW));
    let cold = function.invoke(event("Why?")).await.unwrap();
    let warm = function.invoke(event("And now?")).await.unwrap();

    surroundings.assert_arrived_before_the_freeze(&[&cold, &warm]);
    for (invocation, request) in [&cold, &warm]
        .into_iter()
        .zip(surroundings.langfuse.requests())
    {
        assert_answered(invocation);
        let responded = invocation.timeline.responded.unwrap();
        assert!(
            responded < request.received_at,
            "the client waited for the flush"
        );
        let frozen = invocation.timeline.frozen.unwrap();
        assert!(
            frozen.since(request.received_at) >= SLOW,
            "frozen before the collector's answer"
        );
    }
}

#[tokio::test]
async fn before_the_response_the_client_waits_too() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    surroundings.langfuse.answer(Fault::Slow(SLOW));
    let invocation = function.invoke(event("Why?")).await.unwrap();

    assert_answered(&invocation);
    let responded = invocation.timeline.responded.unwrap();
    let sent = surroundings.langfuse.requests()[0].received_at;
    assert!(
        responded.since(sent) >= SLOW,
        "answered before the collector had"
    );
}
