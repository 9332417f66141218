//! The runtime tells Vercel that a request has ended once its trace has arrived.

use std::time::Duration;

use warmspan::testkit::langfuse::Fault;

use crate::{
    surroundings::Surroundings,
    vercel_stage::{ask, ask_for_stream, assert_answered, assert_arrived_before_the_end},
};

/// Less than half of the budget, after which a request is repeated on another connection.
const SLOW: Duration = Duration::from_millis(500);

#[tokio::test]
async fn of_a_slow_collector_the_client_waits_too() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    surroundings.langfuse.answer(Fault::Slow(SLOW));
    for request in [ask("Why?"), ask_for_stream("Why?")] {
        let invocation = function.request(request).await.unwrap();
        assert_answered(&invocation, "Why?");
        let trace = assert_arrived_before_the_end(&surroundings.langfuse, &invocation);
        let sent = trace.root().unwrap().received_at;
        assert!(invocation.timeline.responded.since(sent) >= SLOW);
    }
}

#[tokio::test]
async fn after_the_response_only_the_end_waits() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .on_vercel()
        .env("WARMSPAN_FLUSH", "after-response")
        .start()
        .await
        .unwrap();
    surroundings.langfuse.answer(Fault::Slow(SLOW));
    for request in [ask("Why?"), ask_for_stream("Why?")] {
        let invocation = function.request(request).await.unwrap();
        assert_answered(&invocation, "Why?");
        let trace = assert_arrived_before_the_end(&surroundings.langfuse, &invocation);
        let (sent, timeline) = (trace.root().unwrap().received_at, invocation.timeline);
        assert!(timeline.responded.since(sent) < SLOW, "the client waited");
        assert!(timeline.ended.unwrap().since(sent) >= SLOW);
    }
}
