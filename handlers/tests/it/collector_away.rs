//! A collector that is away, slow or hostile harms no response.

use std::time::Duration;

use warmspan::testkit::langfuse::Fault;

use crate::surroundings::{LONG, Surroundings, assert_answered, event, told};

#[tokio::test]
async fn without_a_collector_every_response_is_right_and_the_function_tells_why() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    surroundings.langfuse.stop().await;
    for _ in 0..4 {
        assert_answered(&function.invoke(event("Why?")).await.unwrap());
    }

    let told = told(&function);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(
        told[0].starts_with("spans are kept for the next flush: "),
        "{told:#?}"
    );
    assert!(told[0].contains("127.0.0.1"), "{told:#?}");
    assert!(
        told[1].starts_with("the back-end failed 2 times in a row"),
        "{told:#?}"
    );
}

#[tokio::test]
async fn what_was_kept_arrives_once_the_collector_is_back() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    surroundings.langfuse.stop().await;
    function.invoke(event("Why?")).await.unwrap();
    surroundings.langfuse.restart().await.unwrap();
    let after = function.invoke(event("And now?")).await.unwrap();

    surroundings.langfuse.wait_for_spans(6, LONG).await.unwrap();
    assert_eq!(
        surroundings.outlines(&["faas.coldstart"]),
        [
            "chat [span] faas.coldstart=true\n└─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n",
            "chat [span] faas.coldstart=false\n└─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n",
        ]
    );
    let frozen = after.timeline.frozen.unwrap();
    assert!(
        surroundings
            .langfuse
            .observations()
            .iter()
            .all(|o| o.received_at < frozen)
    );
}

#[tokio::test]
async fn with_debug_the_function_counts_what_it_keeps() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .function()
        .env("LANGFUSE_DEBUG", "true")
        .start()
        .await
        .unwrap();
    surroundings.langfuse.stop().await;
    for _ in 0..2 {
        assert_answered(&function.invoke(event("Why?")).await.unwrap());
        let told = told(&function);
        let flush = told
            .iter()
            .rfind(|line| line.starts_with("flush of trace"))
            .unwrap();
        assert!(
            flush.contains("0 spans delivered, 3 kept for the next flush"),
            "{flush}"
        );
    }
}

#[tokio::test]
async fn a_collector_that_hangs_costs_a_response_the_timeout_and_then_nothing() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .function()
        .env("LANGFUSE_TIMEOUT", "0.2")
        .start()
        .await
        .unwrap();
    surroundings.langfuse.answer(Fault::Hang);
    let mut latencies = Vec::new();
    for _ in 0..3 {
        let invocation = function.invoke(event("Why?")).await.unwrap();
        assert_answered(&invocation);
        latencies.push(invocation.client_latency());
    }

    // The model answers at once, so nearly all of it is the flush.
    let timeout = Duration::from_millis(200);
    assert!(
        latencies[0] >= timeout && latencies[1] >= timeout,
        "{latencies:?}"
    );
    assert!(latencies[2] < timeout, "it waited again: {latencies:?}");
}

#[tokio::test]
async fn refused_spans_are_lost_and_told_of_in_the_next_trace() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    surroundings.langfuse.answer_next(1, &Fault::status(403));
    assert_answered(&function.invoke(event("Why?")).await.unwrap());
    assert_answered(&function.invoke(event("And now?")).await.unwrap());

    assert_eq!(
        surroundings.outlines(&["warmspan.lost_spans"]),
        [
            "chat [span] warmspan.lost_spans=3\n└─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n"
        ]
    );
    let told = told(&function);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("3 spans are lost: "), "{told:#?}");
}
