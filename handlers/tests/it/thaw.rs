//! What happened to the connection while the function was frozen.

use crate::surroundings::{Surroundings, assert_answered, event, told};

#[tokio::test]
async fn a_connection_closed_while_frozen_costs_nothing() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    let mut invocations = vec![function.invoke(event("Why?")).await.unwrap()];
    for _ in 0..3 {
        surroundings.close_connections_while_frozen(&function).await;
        invocations.push(function.invoke(event("And now?")).await.unwrap());
    }

    invocations.iter().for_each(assert_answered);
    surroundings.assert_arrived_before_the_freeze(&invocations.iter().collect::<Vec<_>>());
    assert_eq!(told(&function), Vec::<String>::new());
}

#[tokio::test]
async fn a_connection_closed_while_frozen_costs_nothing_after_the_response_either() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .function()
        .env("WARMSPAN_FLUSH", "after-response")
        .start()
        .await
        .unwrap();
    let before = function.invoke(event("Why?")).await.unwrap();
    surroundings.close_connections_while_frozen(&function).await;
    let after = function.invoke(event("And now?")).await.unwrap();

    surroundings.assert_arrived_before_the_freeze(&[&before, &after]);
    assert_eq!(told(&function), Vec::<String>::new());
}

#[tokio::test]
async fn a_collector_that_was_replaced_while_frozen_gets_the_next_trace() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    let before = function.invoke(event("Why?")).await.unwrap();
    assert!(function.is_frozen());
    surroundings.langfuse.stop().await;
    surroundings.langfuse.restart().await.unwrap();
    let after = function.invoke(event("And now?")).await.unwrap();

    surroundings.assert_arrived_before_the_freeze(&[&before, &after]);
    assert_eq!(told(&function), Vec::<String>::new());
}
