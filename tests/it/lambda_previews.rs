//! How much of a body is recorded, and what is taken out of it.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use warmspan::lambda::Traced;

use crate::lambda_stage::{Stage, invoke};

const KEYS: [&str; 4] = [
    "sk-proj-0123456789abcdefghij",
    "sk-lf-01234567-89ab-cdef-0123-456789abcdef",
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "AKIAIOSFODNN7EXAMPLE",
];

#[tokio::test]
async fn a_long_body_is_recorded_as_a_preview_that_says_what_it_left_out() {
    let stage = Stage::set().await;
    let mut service = Traced::new(service_fn(echo), stage.sdk());
    invoke(&mut service, &request(&"é".repeat(1_200)))
        .await
        .unwrap();

    let root = stage.root();
    let preview = format!("{}…[+700 chars]", "é".repeat(500));
    assert_eq!(root.input.as_ref(), Some(&preview));
    assert_eq!(root.output.as_ref(), Some(&preview));
    for text in ["input", "output"] {
        assert_eq!(root.int(&format!("warmspan.{text}.chars")), Some(1_200));
        assert_eq!(root.int(&format!("warmspan.{text}.kept")), Some(500));
    }
}

#[tokio::test]
async fn full_content_keeps_all_of_a_body() {
    let stage = Stage::set().await;
    let sdk = stage.sdk_with(&[("WARMSPAN_CONTENT", "full")]);
    let mut service = Traced::new(service_fn(echo), sdk);
    let text = "long ".repeat(2_000);
    invoke(&mut service, &request(&text)).await.unwrap();

    assert_eq!(stage.root().input.as_ref(), Some(&text));
    assert_eq!(stage.root().output.as_ref(), Some(&text));
}

#[tokio::test]
async fn with_content_off_no_text_is_recorded() {
    let stage = Stage::set().await;
    let sdk = stage.sdk_with(&[("WARMSPAN_CONTENT", "off")]);
    let mut service = Traced::new(service_fn(echo), sdk);
    invoke(&mut service, &request("a confidential text"))
        .await
        .unwrap();
    invoke(&mut service, r#"{"text":"a confidential text"}"#)
        .await
        .unwrap();

    assert_eq!(stage.langfuse.traces().len(), 2);
    assert!(!stage.langfuse.contains("confidential"));
}

#[tokio::test]
async fn two_projects_keep_each_their_own_share_of_a_body() {
    let (curious, discreet) = (Stage::set().await, Stage::set().await);
    let mut all = Traced::new(
        service_fn(echo),
        curious.sdk_with(&[("WARMSPAN_CONTENT", "full")]),
    );
    let mut none = Traced::new(
        service_fn(echo),
        discreet.sdk_with(&[("WARMSPAN_CONTENT", "off")]),
    );
    let payload = request("a confidential text");
    invoke(&mut all, &payload).await.unwrap();
    invoke(&mut none, &payload).await.unwrap();

    assert!(curious.langfuse.contains("a confidential text"));
    assert!(!discreet.langfuse.contains("confidential"));
    assert_eq!(discreet.langfuse.traces().len(), 1);
}

#[tokio::test]
async fn keys_inside_of_bodies_are_redacted() {
    for key in KEYS {
        let stage = Stage::set().await;
        let mut service = Traced::new(service_fn(echo), stage.sdk());
        invoke(&mut service, &request(&format!("use {key} for it")))
            .await
            .unwrap();
        invoke(
            &mut service,
            &json!({ "text": format!("use {key} for it") }).to_string(),
        )
        .await
        .unwrap();

        assert_sends_nothing_of(&stage, key);
        let traces = stage.langfuse.traces();
        assert_eq!(traces.len(), 2);
        for trace in traces {
            let root = trace.root().unwrap();
            assert!(
                root.input.as_ref().unwrap().contains("[redacted] for it"),
                "{root:#?}"
            );
        }
    }
}

#[tokio::test]
async fn a_key_at_the_previews_edge_is_redacted_too() {
    for key in KEYS {
        for before in 500 - key.len()..500 {
            let stage = Stage::set().await;
            let mut service = Traced::new(service_fn(echo), stage.sdk());
            let text = format!("{} {key} and so on", "x".repeat(before));
            invoke(&mut service, &request(&text)).await.unwrap();

            let shown = stage.root().input.unwrap();
            assert!(!shown.contains(&key[..key.len() - 4]), "{shown}");
            let token = key.trim_start_matches("Bearer ");
            assert!(
                !shown.contains(&token[..token.len().min(16)]),
                "{before}: {shown}"
            );
        }
    }
}

#[tokio::test]
async fn a_binary_body_is_told_by_its_size() {
    let stage = Stage::set().await;
    let mut service = Traced::new(service_fn(echo), stage.sdk());
    let payload = json!({ "requestContext": {}, "body": "//79/A==", "isBase64Encoded": true });
    invoke(&mut service, &payload.to_string()).await.unwrap();

    assert_eq!(stage.root().input.as_deref(), Some("<4 bytes>"));
}

#[tokio::test]
async fn an_event_that_is_not_http_is_recorded_whole() {
    let stage = Stage::set().await;
    let mut service = Traced::new(service_fn(echo), stage.sdk());
    invoke(
        &mut service,
        r#"{"Records":[{"body":"a queue's message"}]}"#,
    )
    .await
    .unwrap();

    let root = stage.root();
    assert_eq!(
        root.input.as_deref(),
        Some(r#"{"Records":[{"body":"a queue's message"}]}"#)
    );
    assert_eq!(root.text("faas.trigger"), Some("other"));
}

#[tokio::test]
async fn keys_in_error_messages_are_redacted() {
    for key in KEYS {
        let stage = Stage::set().await;
        let fails = service_fn(move |_: LambdaEvent<Value>| async move {
            Err::<Value, Error>(format!("the model refused {key} today").into())
        });
        let mut service = Traced::new(fails, stage.sdk());
        let error = invoke(&mut service, "{}").await.err().unwrap();

        assert!(
            error.diagnostic().error_message.contains(key),
            "the caller's is unchanged"
        );
        assert_sends_nothing_of(&stage, key);
    }
}

fn assert_sends_nothing_of(stage: &Stage, key: &str) {
    let token = key.trim_start_matches("Bearer ");
    assert!(!stage.langfuse.contains(token), "{key}");
}

/// Answers with what it was sent: with the body of an HTTP event, else with the event.
async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(match event.payload.get("body") {
        Some(body) => json!({
            "statusCode": 200,
            "body": body,
            "isBase64Encoded": event.payload["isBase64Encoded"],
        }),
        None => event.payload,
    })
}

fn request(body: &str) -> String {
    json!({
        "version": "2.0",
        "routeKey": "POST /chat",
        "headers": {},
        "requestContext": { "http": { "method": "POST" } },
        "body": body,
        "isBase64Encoded": false,
    })
    .to_string()
}
