//! The emulator follows AWS's rules where they matter to a trace.

#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warmspan::testkit::lambda::{Deadline, Emulator, Invocation, PhaseEnd};

use crate::testkit_bootstrap::emulator;

#[tokio::test]
async fn the_first_invocation_is_cold_and_the_others_are_warm() {
    let emulator = emulator("serves").start().await.unwrap();
    let pid = emulator.process_id();
    let cold = emulator.invoke("{}").await.unwrap();
    let warm = emulator.invoke("{}").await.unwrap();

    assert!(cold.cold && cold.init.is_some());
    assert!(!warm.cold && warm.init.is_none());
    assert_ne!(cold.request_id, warm.request_id);
    assert_eq!((emulator.inits(), emulator.process_id()), (1, pid));
    assert_eq!(emulator.refused_requests(), Vec::<String>::new());
}

#[tokio::test]
async fn lambda_runtime_gets_along_with_it() {
    let emulator = emulator("lambda_runtime")
        .tenant_id("tenant-1")
        .start()
        .await
        .unwrap();
    let cold = emulator.invoke("{}").await.unwrap();
    let echo = body(&cold);
    assert_eq!(
        (&echo["tenant"], &echo["in_time"]),
        (&json!("tenant-1"), &json!(true))
    );
    assert_eq!(echo["request_id"], cold.request_id.as_str());

    let failed = emulator
        .invoke(r#"{"do":"fail"}"#)
        .await
        .unwrap()
        .result
        .unwrap_err();
    assert_eq!(failed.message, "on purpose");
    let panicked = emulator
        .invoke(r#"{"do":"panic"}"#)
        .await
        .unwrap()
        .result
        .unwrap_err();
    assert!(panicked.message.contains("out of hand"), "{panicked}");
    assert!(
        !emulator.invoke("{}").await.unwrap().cold,
        "it is the same process"
    );
    assert_eq!(emulator.refused_requests(), Vec::<String>::new());
}

#[tokio::test]
async fn an_event_comes_with_the_headers_that_runtimes_read() {
    let emulator = emulator("serves")
        .tenant_id("tenant-1")
        .function_name("chat")
        .start()
        .await
        .unwrap();
    let invocation = emulator.invoke(r#"{"question":"why?"}"#).await.unwrap();

    let echo = body(&invocation);
    assert_eq!(echo["event"]["question"], "why?");
    assert_eq!(header(&echo, "aws-request-id"), invocation.request_id);
    assert_eq!(header(&echo, "aws-tenant-id"), "tenant-1");
    assert!(header(&echo, "invoked-function-arn").ends_with(":function:chat"));
    assert!(header(&echo, "trace-id").starts_with("Root=1-"));
    let deadline: u128 = header(&echo, "deadline-ms").parse().unwrap();
    let delivered = invocation.timeline.delivered.system_time();
    let delivered = delivered
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    assert!(
        (delivered + 29_000..=delivered + 30_000).contains(&deadline),
        "{deadline} from {delivered}"
    );
}

#[tokio::test]
async fn a_deadline_can_be_in_1970() {
    let emulator = emulator("serves")
        .deadline(Deadline::Raw(600_000))
        .start()
        .await
        .unwrap();
    let invocation = emulator.invoke("{}").await.unwrap();
    assert_eq!(header(&body(&invocation), "deadline-ms"), "600000");
}

#[tokio::test]
async fn the_environment_is_that_of_aws_and_nothing_of_ours() {
    let emulator = emulator("serves")
        .memory_mb(256)
        .env("LANGFUSE_PUBLIC_KEY", "pk")
        .start()
        .await
        .unwrap();
    let environment = body(&emulator.invoke(r#"{"do":"environment"}"#).await.unwrap());
    let value = |name: &str| {
        let pairs = environment.as_array().unwrap();
        pairs
            .iter()
            .find(|pair| pair[0] == name)
            .map(|pair| pair[1].as_str().unwrap().to_owned())
    };

    assert_eq!(
        value("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").as_deref(),
        Some("256")
    );
    assert_eq!(
        value("AWS_LAMBDA_INITIALIZATION_TYPE").as_deref(),
        Some("on-demand")
    );
    assert_eq!(value("TZ").as_deref(), Some(":UTC"));
    assert_eq!(value("LANGFUSE_PUBLIC_KEY").as_deref(), Some("pk"));
    assert_eq!(value("CARGO_MANIFEST_DIR"), None);
    assert_eq!(value("HOME"), None);
}

#[tokio::test]
async fn the_freeze_comes_after_next_and_not_at_the_response() {
    let emulator = emulator("serves").start().await.unwrap();
    let invocation = emulator.invoke(r#"{"sleep_after":80}"#).await.unwrap();

    let timeline = invocation.timeline;
    let (responded, next, frozen) = (
        timeline.responded.unwrap(),
        timeline.runtime_next.unwrap(),
        timeline.frozen.unwrap(),
    );
    assert!(timeline.delivered <= responded && responded <= next && next <= frozen);
    assert!(
        next.since(responded) >= Duration::from_millis(80),
        "the function worked on after its response"
    );
    assert!(invocation.phase_duration() >= invocation.client_latency() + Duration::from_millis(80));
    assert_eq!(invocation.end, PhaseEnd::Idle);
}

#[tokio::test]
async fn a_frozen_function_does_nothing() {
    let emulator = emulator("ticks").start().await.unwrap();
    emulator.invoke("{}").await.unwrap();
    assert!(emulator.is_frozen());
    until(|| is_stopped(emulator.process_id().unwrap())).await;

    // What was written before the stop may still be in the pipe: let the count settle, then watch it.
    emulator.stay_frozen(Duration::from_millis(50)).await;
    let frozen = emulator.logs().len();
    emulator.stay_frozen(Duration::from_millis(100)).await;
    assert_eq!(emulator.logs().len(), frozen, "it ticked while frozen");

    let warm = emulator.invoke(r#"{"sleep_before":50}"#).await.unwrap();
    assert!(warm.result.is_ok());
    assert!(
        emulator.logs().len() > frozen,
        "it did not go on after the thaw"
    );
}

#[tokio::test]
async fn without_freezes_it_goes_on() {
    let emulator = emulator("ticks").freezes(false).start().await.unwrap();
    let invocation = emulator.invoke("{}").await.unwrap();
    assert_eq!(invocation.timeline.frozen, None);
    let lines = emulator.logs().len();
    until(|| emulator.logs().len() > lines + 5).await;
}

#[tokio::test]
async fn provisioned_concurrency_is_frozen_before_its_first_invocation() {
    let on_demand = emulator("serves").start().await.unwrap();
    assert!(!on_demand.is_frozen());
    let provisioned = emulator("serves")
        .initialization_type("provisioned-concurrency")
        .start()
        .await
        .unwrap();
    assert!(provisioned.is_frozen());
    assert!(provisioned.invoke("{}").await.unwrap().cold);
}

#[tokio::test]
async fn the_freeze_waits_for_an_extension_that_holds_its_next() {
    let emulator = emulator("has an extension").start().await.unwrap();
    assert_eq!(emulator.extensions(), ["testkit"]);
    for flushes in 1..=3 {
        let invocation = emulator.invoke("{}").await.unwrap();
        let timeline = invocation.timeline;
        let next = timeline.runtime_next.unwrap();
        assert!(timeline.frozen.unwrap().since(timeline.delivered) >= Duration::from_millis(150));
        assert!(
            next.since(timeline.delivered) < timeline.frozen.unwrap().since(timeline.delivered)
        );
        until(|| lines(&emulator, "extension flushed") == flushes).await;
    }
}

#[tokio::test]
async fn a_function_error_is_a_result() {
    let emulator = emulator("serves").start().await.unwrap();
    let error = emulator
        .invoke(r#"{"do":"fail"}"#)
        .await
        .unwrap()
        .result
        .unwrap_err();
    assert_eq!(
        (error.error_type.as_str(), error.message.as_str()),
        ("Boom", "on purpose")
    );
    assert!(
        emulator.invoke("{}").await.unwrap().result.is_ok(),
        "the process survives"
    );
}

#[tokio::test]
async fn a_stream_is_read_to_its_end() {
    let emulator = emulator("serves").start().await.unwrap();
    let streamed = emulator.invoke(r#"{"do":"stream"}"#).await.unwrap();
    assert!(streamed.response.as_ref().unwrap().streaming);
    assert_eq!(streamed.result.unwrap(), "hello world");
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_stream_is_in_its_trailers() {
    let emulator = emulator("serves").start().await.unwrap();
    let broken = emulator
        .invoke(r#"{"do":"break the stream"}"#)
        .await
        .unwrap();
    let error = broken.result.unwrap_err();
    assert_eq!(
        (error.error_type.as_str(), error.message.as_str()),
        ("Runtime.StreamError", "cut")
    );
    assert_eq!(error.partial, "hello world");
}

#[tokio::test]
async fn a_timeout_kills_and_the_next_invocation_starts_anew() {
    let emulator = emulator("serves")
        .timeout(Duration::from_millis(300))
        .start()
        .await
        .unwrap();
    let killed = emulator.invoke(r#"{"do":"hang"}"#).await.unwrap();
    assert_eq!(killed.end, PhaseEnd::TimedOut);
    assert_eq!(killed.result.unwrap_err().error_type, "Sandbox.Timedout");
    assert_eq!(emulator.process_id(), None);

    let again = emulator.invoke("{}").await.unwrap();
    assert!(again.cold && again.result.is_ok());
    assert_eq!(emulator.inits(), 2);
}

#[tokio::test]
async fn a_timeout_after_the_response_leaves_the_response() {
    let emulator = emulator("serves")
        .timeout(Duration::from_millis(300))
        .start()
        .await
        .unwrap();
    let invocation = emulator.invoke(r#"{"sleep_after":60000}"#).await.unwrap();
    assert_eq!(invocation.end, PhaseEnd::TimedOut);
    assert!(invocation.result.is_ok());
    assert_eq!(invocation.timeline.frozen, None);
}

#[tokio::test]
async fn an_exit_is_reported_with_its_status() {
    let emulator = emulator("serves").start().await.unwrap();
    let exited = emulator.invoke(r#"{"do":"exit"}"#).await.unwrap();
    let error = exited.result.unwrap_err();
    assert_eq!(error.error_type, "Runtime.ExitError");
    assert!(
        error.message.ends_with("exit status: 7"),
        "{}",
        error.message
    );
    assert!(matches!(exited.end, PhaseEnd::Exited(status) if status.code() == Some(7)));

    assert!(emulator.invoke("{}").await.unwrap().cold);
}

#[tokio::test]
async fn an_answer_in_the_last_moment_counts() {
    let emulator = emulator("serves").start().await.unwrap();
    let invocation = emulator
        .invoke(r#"{"do":"answer and exit"}"#)
        .await
        .unwrap();
    assert_eq!(invocation.result.unwrap(), "last words");
    assert!(matches!(invocation.end, PhaseEnd::Exited(status) if status.code() == Some(9)));
}

#[tokio::test]
async fn what_the_apis_do_not_allow_is_refused() {
    let emulator = emulator("serves").start().await.unwrap();
    let early = emulator.invoke(r#"{"do":"ask too early"}"#).await.unwrap();
    assert_eq!(early.result.unwrap(), "403");
    emulator.invoke(r#"{"do":"answer twice"}"#).await.unwrap();
    until(|| lines(&emulator, "answered 202 400") == 1).await;
    assert_eq!(emulator.refused_requests().len(), 2);
}

#[tokio::test]
async fn what_the_extensions_api_does_not_allow_is_refused() {
    let error = emulator("registers twice").start().await.unwrap_err();
    assert!(error.to_string().contains("200 403 400"), "{error}");
    assert!(error.to_string().contains("\n403"), "{error}");
}

#[tokio::test]
async fn a_failed_init_says_why() {
    let missing = Emulator::builder("/nowhere/bootstrap")
        .start()
        .await
        .unwrap_err();
    assert!(missing.is_spawn() && missing.to_string().contains("/nowhere/bootstrap"));

    let exited = emulator("exits in init").start().await.unwrap_err();
    assert_eq!(exited.exit_status().unwrap().code(), Some(3));
    assert!(exited.to_string().contains("no configuration"), "{exited}");

    let reported = emulator("reports an init error").start().await.unwrap_err();
    assert!(
        reported.is_init() && reported.to_string().contains("Config: no model"),
        "{reported}"
    );

    let limit = Duration::from_millis(300);
    let late = emulator("never asks")
        .init_timeout(limit)
        .start()
        .await
        .unwrap_err();
    assert!(
        late.is_init() && late.to_string().contains("300ms"),
        "{late}"
    );

    let gated = emulator("registers but never asks")
        .init_timeout(limit)
        .start()
        .await
        .unwrap_err();
    assert!(
        gated.is_init() && gated.to_string().contains("every registered extension"),
        "{gated}"
    );
}

#[tokio::test]
async fn without_an_extension_there_is_no_sigterm() {
    let emulator = emulator("heeds SIGTERM").start().await.unwrap();
    emulator.invoke("{}").await.unwrap();
    let shutdown = emulator.shutdown().await;
    assert!(!shutdown.sigterm && shutdown.sigkill);
    assert_eq!(shutdown.exit.unwrap().code(), None);
}

#[tokio::test]
async fn with_an_extension_a_frozen_function_hears_sigterm() {
    let emulator = emulator("has an extension that heeds SIGTERM")
        .start()
        .await
        .unwrap();
    emulator.invoke("{}").await.unwrap();
    assert!(emulator.is_frozen());
    let shutdown = emulator.shutdown().await;
    assert!(shutdown.sigterm && !shutdown.sigkill);
    assert_eq!(shutdown.exit.unwrap().code(), Some(0));
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed_after_500_ms() {
    let emulator = emulator("has an extension that ignores SIGTERM")
        .start()
        .await
        .unwrap();
    emulator.invoke("{}").await.unwrap();
    let shutdown = emulator.shutdown().await;
    assert!(shutdown.sigterm && shutdown.sigkill);
    assert!(shutdown.duration >= Duration::from_millis(500));
}

#[tokio::test]
async fn a_drop_kills_a_frozen_function() {
    let emulator = emulator("serves").start().await.unwrap();
    emulator.invoke("{}").await.unwrap();
    let pid = emulator.process_id().unwrap();
    assert!(exists(pid));
    drop(emulator);
    assert!(!exists(pid), "an orphan");
}

#[tokio::test]
async fn a_drop_kills_a_running_function() {
    let emulator = emulator("ticks").freezes(false).start().await.unwrap();
    let pid = emulator.process_id().unwrap();
    drop(emulator);
    assert!(!exists(pid), "an orphan");
}

#[tokio::test]
async fn invocations_at_the_same_time_wait_for_each_other() {
    let emulator = emulator("serves").start().await.unwrap();
    let event = r#"{"sleep_before":30}"#;
    let (a, b) = tokio::join!(emulator.invoke(event), emulator.invoke(event));
    let (a, b) = (a.unwrap().timeline, b.unwrap().timeline);
    assert!(a.ended <= b.delivered || b.ended <= a.delivered);
    assert_eq!(
        [a.frozen, b.frozen].iter().flatten().count(),
        1,
        "no freeze while an event waits"
    );
}

#[tokio::test]
async fn workers_of_one_process_serve_at_the_same_time() {
    let emulator = emulator("two workers")
        .max_concurrency(2)
        .start()
        .await
        .unwrap();
    let event = r#"{"sleep_before":300}"#;
    let (a, b) = tokio::join!(emulator.invoke(event), emulator.invoke(event));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(a.result.is_ok() && b.result.is_ok());
    let (a, b) = (a.timeline, b.timeline);
    assert!(a.delivered < b.responded.unwrap() && b.delivered < a.responded.unwrap());
    assert!(emulator.is_frozen());
}

/// The answer of an echo.
fn body(invocation: &Invocation) -> Value {
    serde_json::from_slice(invocation.result.as_ref().unwrap()).unwrap()
}

fn header<'a>(echo: &'a Value, name: &str) -> &'a str {
    let name = format!("lambda-runtime-{name}");
    let headers = echo["headers"].as_array().unwrap();
    headers
        .iter()
        .find(|header| header[0] == name.as_str())
        .unwrap()[1]
        .as_str()
        .unwrap()
}

fn lines(emulator: &Emulator, text: &str) -> usize {
    emulator
        .logs()
        .iter()
        .filter(|line| line.text == text)
        .count()
}

/// Whether a process has this id, a zombie included.
fn exists(pid: u32) -> bool {
    let status = Command::new("kill")
        .args(["-0", &pid.to_string()])
        .stderr(Stdio::null())
        .status();
    status.unwrap().success()
}

/// Where there is no /proc, a process is believed to have stopped.
fn is_stopped(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit(") ").next().unwrap().starts_with('T'),
        Err(_) => true,
    }
}

async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
