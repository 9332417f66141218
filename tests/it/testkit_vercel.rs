//! The emulator of Vercel's protocol, with the real runtime on the other side.

#![cfg(unix)]

use http::Request;
use warmspan::testkit::{langfuse::Langfuse, vercel::Emulator};

use crate::{lambda_stage::LONG, vercel_bootstrap::emulator};

#[tokio::test]
async fn a_request_is_answered_and_ends() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("untraced", &langfuse).start().await.unwrap();
    let invocation = function.request(get("/")).await.unwrap();

    assert_eq!(invocation.status, 200);
    assert_eq!(invocation.body, "an answer");
    let timeline = invocation.timeline;
    assert!(timeline.sent <= timeline.head && timeline.head <= timeline.responded);
    assert!(timeline.ended.unwrap() > timeline.sent);
    assert_eq!(function.ended(&invocation.request_id), timeline.ended);
}

#[tokio::test]
async fn what_the_function_logs_is_heard() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("untraced", &langfuse).start().await.unwrap();
    function.request(get("/log")).await.unwrap();

    let logs = function.logs();
    assert!(
        logs.iter()
            .any(|line| line.text == "a line of the function's")
    );
}

#[tokio::test]
async fn a_local_function_never_says_that_a_request_has_ended() {
    let langfuse = Langfuse::start().await.unwrap();
    let builder = emulator("untraced", &langfuse).local();
    let function = builder.start().await.unwrap();
    let invocation = function.request(get("/")).await.unwrap();

    assert_eq!(invocation.body, "an answer");
    assert!(invocation.timeline.ended.is_none());
}

#[tokio::test]
async fn a_frozen_function_answers_when_it_is_thawed() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("untraced", &langfuse).start().await.unwrap();
    function.freeze().await;
    let mut request = std::pin::pin!(function.request(get("/")));
    assert!(futures_util::poll!(&mut request).is_pending());
    function.thaw().await;

    assert_eq!(request.await.unwrap().body, "an answer");
}

#[tokio::test]
async fn a_frozen_function_can_be_ended() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("untraced", &langfuse).start().await.unwrap();
    // The runtime says that it listens a little before it heeds signals.
    function.request(get("/")).await.unwrap();
    function.freeze().await;
    let exit = tokio::time::timeout(LONG, function.terminate())
        .await
        .unwrap();

    assert!(exit.status.unwrap().success() && !exit.sigkill);
    let refused = function.request(get("/")).await.unwrap_err();
    assert!(!refused.is_start());
}

#[tokio::test]
async fn one_that_exits_at_once_says_why() {
    let langfuse = Langfuse::start().await.unwrap();
    let error = emulator("exits", &langfuse).start().await.unwrap_err();

    assert!(error.is_start());
    assert!(error.to_string().contains("no configuration"), "{error}");
}

#[tokio::test]
async fn one_that_is_not_there_is_named() {
    let error = Emulator::builder("not/there").start().await.unwrap_err();

    assert!(error.is_start());
    assert!(error.to_string().contains("not/there"), "{error}");
}

fn get(path: &str) -> Request<&'static str> {
    Request::get(path).body("").unwrap()
}
