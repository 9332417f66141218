//! The function on Vercel after it stood still.

use crate::{
    surroundings::Surroundings,
    vercel_stage::{ask, ask_for_stream, assert_answered, assert_arrived_before_the_end},
};

#[tokio::test]
async fn a_connection_closed_while_frozen_costs_nothing() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    let mut invocations = vec![function.request(ask("Why?")).await.unwrap()];
    for request in [ask("Why?"), ask_for_stream("Why?"), ask("Why?")] {
        function.freeze().await;
        surroundings.close_connections().await;
        function.thaw().await;
        invocations.push(function.request(request).await.unwrap());
    }

    for invocation in &invocations {
        assert_answered(invocation, "Why?");
        assert_arrived_before_the_end(&surroundings.langfuse, invocation);
    }
    assert_eq!(surroundings.langfuse.traces().len(), 4);
}

#[tokio::test]
async fn a_collector_that_was_replaced_meanwhile_gets_the_next_trace() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    function.request(ask("Why?")).await.unwrap();
    function.freeze().await;
    surroundings.langfuse.stop().await;
    surroundings.langfuse.restart().await.unwrap();
    function.thaw().await;
    let invocation = function.request(ask("And now?")).await.unwrap();

    assert_answered(&invocation, "And now?");
    assert_arrived_before_the_end(&surroundings.langfuse, &invocation);
}
