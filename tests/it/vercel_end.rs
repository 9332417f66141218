//! When the runtime tells Vercel that a request has ended: after that the process may be frozen.

#![cfg(unix)]

use std::time::Duration;

use http::Request;
use warmspan::testkit::{
    langfuse::{Fault, Langfuse},
    vercel::{Emulator, Invocation},
};

use crate::{lambda_stage::LONG, vercel_bootstrap::emulator};

/// Less than half of the budget, after which a request is repeated on another connection.
const SLOW: Duration = Duration::from_millis(500);

#[tokio::test]
async fn it_is_after_the_flush_that_the_response_waited_for() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("traced", &langfuse).start().await.unwrap();
    langfuse.answer(Fault::Slow(SLOW));
    let invocation = function.request(get("/")).await.unwrap();

    assert_eq!(invocation.body, "an answer");
    let sent = langfuse.requests()[0].received_at;
    assert!(invocation.timeline.responded.since(sent) >= SLOW);
    assert_sent_before_the_end(&langfuse, &invocation);
}

#[tokio::test]
async fn it_is_after_the_flush_that_no_response_waits_for() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("traced", &langfuse)
        .env("WARMSPAN_FLUSH", "after-response")
        .start()
        .await
        .unwrap();
    langfuse.answer(Fault::Slow(SLOW));
    for path in ["/", "/fail"] {
        let invocation = function.request(get(path)).await.unwrap();
        let sent = langfuse.requests().last().unwrap().received_at;
        let timeline = invocation.timeline;
        assert!(timeline.responded.since(sent) < SLOW, "the client waited");
        assert!(
            timeline.ended.unwrap().since(sent) >= SLOW,
            "ended before the flush"
        );
        assert_sent_before_the_end(&langfuse, &invocation);
    }
}

#[tokio::test]
async fn of_a_streamed_response_it_is_after_the_flush_at_the_end_of_the_body() {
    for flush in ["before-response", "after-response"] {
        let langfuse = Langfuse::start().await.unwrap();
        let function = emulator("traced", &langfuse)
            .env("WARMSPAN_FLUSH", flush)
            .start()
            .await
            .unwrap();
        let mut streamed = function.open(get("/stream")).await.unwrap();
        assert_eq!(streamed.piece().await.unwrap().unwrap(), "a streamed ");
        // Another request comes, is answered and ends meanwhile.
        let other = function.request(get("/")).await.unwrap();
        assert!(streamed.ended().is_none(), "ended with the head");
        function.request(get("/go")).await.unwrap();
        let streamed = streamed.finish().await.unwrap();

        assert_eq!(streamed.body, "a streamed answer");
        assert_sent_before_the_end(&langfuse, &streamed);
        assert_sent_before_the_end(&langfuse, &other);
        let responded = streamed.timeline.responded;
        if flush == "before-response" {
            let root = root_of(&langfuse, &streamed.request_id);
            assert!(root.received_at < responded, "the body did not wait");
        }
    }
}

#[tokio::test]
async fn without_tracing_it_is_when_the_head_of_a_stream_is_there() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("untraced", &langfuse).start().await.unwrap();
    let streamed = function.open(get("/stream")).await.unwrap();
    wait_for_end(&function, streamed.request_id()).await;
    function.request(get("/go")).await.unwrap();

    assert_eq!(streamed.finish().await.unwrap().body, "a streamed answer");
}

#[tokio::test]
async fn a_client_that_goes_away_holds_nothing_back() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("traced", &langfuse).start().await.unwrap();
    let mut streamed = function.open(get("/stream-endlessly")).await.unwrap();
    streamed.piece().await.unwrap().unwrap();
    let id = streamed.request_id().to_owned();
    drop(streamed);
    wait_for_end(&function, &id).await;

    let root = root_of(&langfuse, &id);
    assert_eq!(root.level, "WARNING");
    assert!(root.received_at < function.ended(&id).unwrap());
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_it_back_for_the_budget_only() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("traced", &langfuse)
        .env("LANGFUSE_TIMEOUT", "0.2")
        .start()
        .await
        .unwrap();
    langfuse.answer(Fault::Hang);
    let invocation = function.request(get("/")).await.unwrap();

    assert_eq!(invocation.body, "an answer");
    let ended = invocation.timeline.ended.unwrap();
    assert!(ended.since(invocation.timeline.sent) < LONG);
}

#[tokio::test]
async fn a_request_that_is_open_when_the_process_is_to_end_is_finished_first() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("traced", &langfuse).start().await.unwrap();
    // The runtime says that it listens a little before it heeds signals.
    function.request(get("/")).await.unwrap();
    let mut streamed = function.open(get("/stream-slowly")).await.unwrap();
    streamed.piece().await.unwrap().unwrap();
    function.ask_to_end().await;
    let invocation = streamed.finish().await.unwrap();
    let exit = function.terminate().await;

    assert_eq!(invocation.body, "a streamed answer");
    assert!(exit.status.unwrap().success() && !exit.sigkill, "{exit:?}");
    assert_sent_before_the_end(&langfuse, &invocation);
}

/// Asserts that the trace of a request was with the collector before the runtime said `end`.
fn assert_sent_before_the_end(langfuse: &Langfuse, invocation: &Invocation) {
    let ended = invocation.timeline.ended.expect("no `end`");
    let root = root_of(langfuse, &invocation.request_id);
    let trace = langfuse.traces().into_iter();
    let trace = trace.filter(|trace| trace.trace_id() == root.trace_id);
    for observation in trace.flat_map(|trace| trace.observations().to_vec()) {
        assert!(
            observation.received_at < ended,
            "{} came late",
            observation.name
        );
    }
}

fn root_of(langfuse: &Langfuse, request_id: &str) -> warmspan::testkit::langfuse::Observation {
    let observations = langfuse.observations().into_iter();
    let mut roots = observations
        .filter(|observation| observation.text("faas.invocation_id") == Some(request_id));
    roots.next().expect("no trace of the request")
}

async fn wait_for_end(function: &Emulator, request_id: &str) {
    let ended = async {
        while function.ended(request_id).is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, ended).await.expect("no `end`");
}

fn get(path: &str) -> Request<&'static str> {
    Request::get(path).body("").unwrap()
}
