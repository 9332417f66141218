//! `SIGTERM` on Vercel: what is under way is finished, and the process exits well.

use std::time::Duration;

use warmspan::testkit::{langfuse::Fault, openai, vercel::LogLine};

use crate::{
    surroundings::{LONG, Surroundings},
    vercel_stage::{ask, assert_answered, assert_arrived_before_the_end},
};

/// Less than half of the budget, after which a request is repeated on another connection.
const SLOW: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_flush_under_way_is_finished() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .on_vercel()
        .env("WARMSPAN_FLUSH", "after-response")
        .start()
        .await
        .unwrap();
    surroundings.langfuse.answer(Fault::Slow(SLOW));
    let mut answer = function.open(ask("Why?")).await.unwrap();
    while answer.piece().await.unwrap().is_some() {}
    let exit = function.terminate().await;

    assert!(exit.status.unwrap().success() && !exit.sigkill, "{exit:?}");
    let invocation = answer.finish().await.unwrap();
    assert_arrived_before_the_end(&surroundings.langfuse, &invocation);
}

#[tokio::test]
async fn a_request_under_way_is_answered() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    // The runtime says that it listens a little before it heeds signals.
    function.request(ask("Why?")).await.unwrap();
    let asked_before = surroundings.openai.requests().len();
    surroundings.openai.answer(openai::Fault::Slow(SLOW));
    let ending = async {
        let asked = async {
            while surroundings.openai.requests().len() == asked_before {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, asked).await.unwrap();
        function.ask_to_end().await;
    };
    let (invocation, ()) = tokio::join!(function.request(ask("Why?")), ending);
    let exit = function.terminate().await;

    let invocation = invocation.unwrap();
    assert_answered(&invocation, "Why?");
    assert!(exit.status.unwrap().success() && !exit.sigkill, "{exit:?}");
    assert_arrived_before_the_end(&surroundings.langfuse, &invocation);
}

#[tokio::test]
async fn what_an_earlier_flush_could_not_send_is_sent_before_the_end() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    surroundings.langfuse.answer(Fault::status(503));
    let invocation = function.request(ask("Why?")).await.unwrap();
    assert_answered(&invocation, "Why?");
    assert!(surroundings.langfuse.traces().is_empty());
    surroundings.langfuse.recover();
    let exit = function.terminate().await;

    assert!(exit.status.unwrap().success() && !exit.sigkill, "{exit:?}");
    assert_eq!(
        surroundings.outlines(&[]),
        ["vercel [span]\n└─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n"]
    );
}

#[tokio::test]
async fn what_cannot_be_sent_at_the_end_either_is_told_of() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    surroundings.langfuse.answer(Fault::status(503));
    function.request(ask("Why?")).await.unwrap();
    let exit = function.terminate().await;

    assert!(exit.status.unwrap().success() && !exit.sigkill, "{exit:?}");
    let lines = function.logs();
    let told = |line: &LogLine| line.text.starts_with("warmspan: ") && line.text.contains("lost");
    assert!(lines.iter().any(told), "{lines:?}");
}

#[tokio::test]
async fn a_function_with_nothing_to_do_exits() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    function.request(ask("Why?")).await.unwrap();
    let exit = function.terminate().await;

    assert!(exit.status.unwrap().success() && !exit.sigkill, "{exit:?}");
}
