//! One cold invocation and those after it.

use crate::surroundings::{Surroundings, assert_answered, event, streamed_event};

#[tokio::test]
async fn the_first_invocation_is_cold_and_the_next_are_warm() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    for _ in 0..3 {
        assert_answered(&function.invoke(event("Why?")).await.unwrap());
    }

    let outlines = surroundings.outlines(&["faas.coldstart"]);
    assert_eq!(
        outlines,
        [
            "chat [span] faas.coldstart=true\n└─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n",
            "chat [span] faas.coldstart=false\n└─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n",
            "chat [span] faas.coldstart=false\n└─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n",
        ]
    );
}

#[tokio::test]
async fn a_new_environment_is_cold_again() {
    let surroundings = Surroundings::start().await;
    for _ in 0..2 {
        let function = surroundings.function().start().await.unwrap();
        function.invoke(event("Why?")).await.unwrap();
        function.shutdown().await;
    }

    for outline in surroundings.outlines(&["faas.coldstart"]) {
        assert!(
            outline.starts_with("chat [span] faas.coldstart=true\n"),
            "{outline}"
        );
    }
}

#[tokio::test]
async fn every_span_arrives_before_the_freeze() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    let whole = function.invoke(event("Why?")).await.unwrap();
    let streamed = function.invoke(streamed_event("And now?")).await.unwrap();

    assert_answered(&streamed);
    surroundings.assert_arrived_before_the_freeze(&[&whole, &streamed]);
    assert_eq!(surroundings.langfuse.observations().len(), 6);
}

#[tokio::test]
async fn a_warm_function_keeps_its_connection() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    for _ in 0..3 {
        function.invoke(event("Why?")).await.unwrap();
    }

    assert_eq!(surroundings.langfuse.traces().len(), 3);
    assert_eq!(surroundings.langfuse.connections(), 1);
}

#[tokio::test]
async fn one_invocation_is_one_request() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    function.invoke(event("Why?")).await.unwrap();

    assert_eq!(surroundings.langfuse.requests().len(), 1);
}
