//! Beside `lambda_runtime` itself: a caller sees no difference, and the trace is there in time.

#![cfg(unix)]

use warmspan::testkit::{
    lambda::{FunctionError, Invocation},
    langfuse::Langfuse,
};

use crate::{events, lambda_bootstrap::emulator};

const ORDERS: [&str; 10] = [
    r#"{"do":"nothing"}"#,
    r#"{"do":"fail"}"#,
    r#"{"do":"panic"}"#,
    r#"{"do":"panic with an argument"}"#,
    r#"{"do":"panic with a number"}"#,
    r#"{"do":42}"#,
    r#"{"undo":"nothing"}"#,
    r#"["do","nothing"]"#,
    "null",
    "7",
];

#[tokio::test]
async fn a_caller_gets_the_same_answers_and_errors() {
    let langfuse = Langfuse::start().await.unwrap();
    let untraced = emulator("untraced", &langfuse).start().await.unwrap();
    for role in ["traced", "run"] {
        let traced = emulator(role, &langfuse).start().await.unwrap();
        for order in ORDERS {
            let expected = untraced.invoke(order).await.unwrap();
            let invocation = traced.invoke(order).await.unwrap();
            assert_eq!(answer(&invocation), answer(&expected), "{role}: {order}");
        }
    }
}

/// Lambda lets no such payload in; but if one came, nobody would mistake it for a failing handler.
#[tokio::test]
async fn what_is_no_json_is_refused_as_without_tracing() {
    let langfuse = Langfuse::start().await.unwrap();
    let untraced = emulator("untraced", &langfuse).start().await.unwrap();
    let traced = emulator("traced", &langfuse).start().await.unwrap();
    for order in ["{\"do\":", "no JSON", ""] {
        let (expected, _) = answer(&untraced.invoke(order).await.unwrap()).unwrap_err();
        let (error_type, message) = answer(&traced.invoke(order).await.unwrap()).unwrap_err();
        assert_eq!(error_type, expected, "{order}");
        assert!(
            message.starts_with("failed to deserialize the incoming data"),
            "{message}"
        );
    }
    assert!(traced.invoke(ORDERS[0]).await.unwrap().result.is_ok());
}

#[tokio::test]
async fn every_order_is_a_trace_that_arrived_before_the_freeze() {
    for flush in ["before-response", "after-response"] {
        let langfuse = Langfuse::start().await.unwrap();
        let function = emulator("run", &langfuse).env("WARMSPAN_FLUSH", flush);
        let function = function.start().await.unwrap();
        for order in ORDERS {
            let invocation = function.invoke(order).await.unwrap();
            assert_arrived(&langfuse, &invocation);
        }
    }
}

#[tokio::test]
async fn concurrent_invocations_are_a_trace_each() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("concurrent", &langfuse).max_concurrency(3);
    let function = function.start().await.unwrap();
    let order = r#"{"do":"nothing"}"#;
    let (a, b, c) = tokio::join!(
        function.invoke(order),
        function.invoke(order),
        function.invoke(order)
    );

    for invocation in [&a, &b, &c].map(|invocation| invocation.as_ref().unwrap()) {
        assert!(invocation.result.is_ok());
        let traces = langfuse.traces();
        let its = |trace: &&warmspan::testkit::tree::Trace| {
            trace.root().unwrap().text("faas.invocation_id") == Some(&invocation.request_id)
        };
        let trace = traces.iter().find(its).unwrap();
        assert_eq!(trace.outline(), "chat [span]\n└─ step [span]\n");
    }
    let cold = langfuse
        .observations()
        .iter()
        .filter(|o| o.bool("faas.coldstart") == Some(true))
        .count();
    assert_eq!(cold, 1);
}

#[tokio::test]
async fn a_streamed_response_is_the_same_and_its_trace_arrives_before_the_freeze() {
    let langfuse = Langfuse::start().await.unwrap();
    let untraced = emulator("untraced stream", &langfuse)
        .start()
        .await
        .unwrap();
    let traced = emulator("traced stream", &langfuse).start().await.unwrap();
    let expected = untraced.invoke("{}").await.unwrap();
    let invocation = traced.invoke("{}").await.unwrap();

    assert!(invocation.response.as_ref().unwrap().streaming);
    assert_eq!(answer(&invocation), answer(&expected));
    assert_arrived(&langfuse, &invocation);
    assert_eq!(
        langfuse.observations()[0].output.as_deref(),
        Some("a streamed answer")
    );
}

#[tokio::test]
async fn on_lambda_http_a_response_is_the_same_and_its_trace_arrives_before_the_freeze() {
    let langfuse = Langfuse::start().await.unwrap();
    let untraced = emulator("untraced lambda_http", &langfuse)
        .start()
        .await
        .unwrap();
    let traced = emulator("traced lambda_http", &langfuse)
        .start()
        .await
        .unwrap();
    for (name, event) in events::ALL
        .into_iter()
        .filter(|(name, _)| *name != "VPC Lattice v1")
    {
        let expected = untraced.invoke(event).await.unwrap();
        let invocation = traced.invoke(event).await.unwrap();
        assert_eq!(answer(&invocation), answer(&expected), "{name}");
        assert!(invocation.result.is_ok(), "{name}");
        assert_arrived(&langfuse, &invocation);
    }
    assert!(!langfuse.contains(events::SECRET));
}

#[tokio::test]
async fn a_routers_trace_arrives_before_the_freeze() {
    let langfuse = Langfuse::start().await.unwrap();
    let function = emulator("traced router", &langfuse).start().await.unwrap();
    for (name, event) in events::ALL
        .into_iter()
        .filter(|(name, _)| *name != "VPC Lattice v1")
    {
        let invocation = function.invoke(event).await.unwrap();
        assert!(invocation.result.is_ok(), "{name}");
        assert_arrived(&langfuse, &invocation);
        let traces = langfuse.traces();
        let root = traces.last().unwrap().root().unwrap();
        assert_eq!(root.input.as_deref(), Some(events::BODY), "{name}");
        assert_eq!(root.output.as_deref(), Some(events::BODY), "{name}");
    }
    assert!(!langfuse.contains(events::SECRET));
}

/// What the caller gets.
fn answer(invocation: &Invocation) -> Result<Vec<u8>, (String, String)> {
    match &invocation.result {
        Ok(body) => Ok(body.to_vec()),
        Err(FunctionError {
            error_type,
            message,
            ..
        }) => Err((error_type.clone(), message.clone())),
    }
}

/// Asserts that the invocation's root arrived before the function was frozen.
fn assert_arrived(langfuse: &Langfuse, invocation: &Invocation) {
    let observations = langfuse.observations();
    let root = observations
        .iter()
        .find(|observation| observation.text("faas.invocation_id") == Some(&invocation.request_id));
    assert!(root.unwrap().received_at < invocation.timeline.frozen.unwrap());
}
