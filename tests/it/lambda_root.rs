//! What the root observation of an invocation says.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tower::Service as _;
use warmspan::lambda::Traced;

use crate::lambda_stage::{Stage, buffered, event, invoke};

#[tokio::test]
async fn it_says_what_lambda_says() {
    let stage = Stage::set().await;
    let sdk = stage.sdk_with(&[("AWS_LAMBDA_INITIALIZATION_TYPE", "provisioned-concurrency")]);
    let mut service = Traced::new(service_fn(echo), sdk);
    let mut event = event("{}");
    event.context.tenant_id = Some("tenant-1".to_owned());
    event.context.xray_trace_id = Some("Root=1-65a1b2c3-0123456789abcdef01234567".to_owned());
    service.call(event).await.unwrap();

    let root = stage.root();
    for (key, value) in [
        ("faas.name", "chat"),
        ("faas.version", "$LATEST"),
        ("faas.invocation_id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        (
            "aws.lambda.invoked_arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:chat",
        ),
        ("aws.lambda.initialization_type", "provisioned-concurrency"),
        ("aws.lambda.tenant_id", "tenant-1"),
        (
            "aws.xray.trace_id",
            "Root=1-65a1b2c3-0123456789abcdef01234567",
        ),
    ] {
        assert_eq!(root.text(key), Some(value), "{key}");
    }
    assert_eq!(root.int("faas.max_memory"), Some(256 * 1024 * 1024));
    assert_eq!(root.bool("langfuse.internal.is_app_root"), Some(true));
}

#[tokio::test]
async fn it_says_nothing_of_what_lambda_does_not_say() {
    let stage = Stage::set().await;
    let mut service = Traced::new(service_fn(echo), stage.sdk());
    invoke(&mut service, "{}").await.unwrap();

    let root = stage.root();
    for key in [
        "aws.lambda.initialization_type",
        "aws.lambda.tenant_id",
        "aws.lambda.remaining_ms",
        "aws.xray.trace_id",
        "warmspan.lost_spans",
    ] {
        assert_eq!(root.attributes.get(key), None);
    }
}

#[tokio::test]
async fn the_first_of_a_process_is_cold() {
    let stage = Stage::set().await;
    let mut service = Traced::new(service_fn(echo), stage.sdk());
    // A clone, as a concurrent runtime makes for each worker, is of the same process.
    let mut worker = service.clone();
    invoke(&mut service, "{}").await.unwrap();
    invoke(&mut worker, "{}").await.unwrap();
    invoke(&mut service, "{}").await.unwrap();

    assert_eq!(
        stage.outlines(&["faas.coldstart"]),
        [
            "chat [span] faas.coldstart=true\n",
            "chat [span] faas.coldstart=false\n",
            "chat [span] faas.coldstart=false\n",
        ]
    );
}

#[tokio::test]
async fn it_says_how_much_time_was_left() {
    let stage = Stage::set().await;
    let mut service = Traced::new(service_fn(echo), stage.sdk());
    let mut event = event("{}");
    event.context.deadline = in_unix_millis(Duration::from_secs(30));
    service.call(event).await.unwrap();

    let left = stage.root().int("aws.lambda.remaining_ms").unwrap();
    assert!((1..=30_000).contains(&left), "{left}");
}

#[tokio::test]
async fn the_response_is_the_handlers() {
    let stage = Stage::set().await;
    let mut service = Traced::new(service_fn(echo), stage.sdk());
    let payload = json!({ "a": [1, 2.5, null], "é": "\u{1F980}" });
    let response = invoke(&mut service, &payload.to_string()).await;

    assert_eq!(buffered(response), payload);
    let root = stage.root();
    assert_eq!(root.level, "DEFAULT");
    assert_eq!(root.output, Some(payload.to_string()));
}

/// What `Lambda-Runtime-Deadline-Ms` says of a deadline after this time.
fn in_unix_millis(time: Duration) -> u64 {
    let deadline = SystemTime::now() + time;
    let since_epoch = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since_epoch.as_millis()).unwrap()
}

async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
