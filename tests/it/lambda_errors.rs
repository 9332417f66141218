//! A handler that fails: the trace says so, and Lambda is told what it would be without tracing.

use std::fmt;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::Value;
use warmspan::lambda::Traced;

use crate::lambda_stage::{Stage, invoke};

#[tokio::test]
async fn a_boxed_error_is_told_to_lambda_as_it_is() {
    let error = || Error::from("no such conversation");
    told_as_it_is(error, "no such conversation").await;
}

#[tokio::test]
async fn a_text_is_told_to_lambda_as_it_is() {
    told_as_it_is(|| "no such conversation".to_owned(), "no such conversation").await;
}

#[tokio::test]
async fn an_io_error_is_told_to_lambda_as_it_is() {
    let error = || std::io::Error::other("the disk is full");
    told_as_it_is(error, "the disk is full").await;
}

#[tokio::test]
async fn an_error_of_the_users_own_is_told_to_lambda_as_it_is() {
    told_as_it_is(|| Overloaded, "try again in a minute").await;
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_a_trace_and_never_reaches_the_handler() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Question {
        question: String,
    }
    async fn never(_: LambdaEvent<Question>) -> Result<(), Error> {
        panic!("called with a payload that does not fit")
    }
    let stage = Stage::set().await;
    let mut service = Traced::new(service_fn(never), stage.sdk());
    let error = invoke(&mut service, r#"{"question":42}"#)
        .await
        .err()
        .unwrap();

    let message = "failed to deserialize the incoming data into the function's payload type: [question] \
                   question: invalid type: integer `42`, expected a string at line 1 column 14\n";
    assert_eq!(error.diagnostic().error_message, message);
    let root = stage.root();
    assert_eq!(
        (root.level.as_str(), root.status_message.as_deref()),
        ("ERROR", Some(message))
    );
    assert_eq!(
        root.text("error.type"),
        Some(error.diagnostic().error_type.as_str())
    );
    assert_eq!(root.input.as_deref(), Some(r#"{"question":42}"#));
}

#[tokio::test]
async fn a_server_error_is_an_error_although_the_handler_returned() {
    let stage = Stage::set().await;
    let unavailable = service_fn(|_: LambdaEvent<Value>| async {
        Ok::<_, Error>(serde_json::json!({ "statusCode": 503, "body": "later" }))
    });
    let mut service = Traced::new(unavailable, stage.sdk());
    invoke(&mut service, r#"{"requestContext":{},"headers":{}}"#)
        .await
        .unwrap();

    assert_eq!(
        stage.outlines(&["http.response.status_code"]),
        ["chat [span] ERROR \"HTTP 503\" http.response.status_code=503\n"]
    );
}

/// Asserts that an error that a handler returns is `message` in the trace; and for Lambda and its
/// log the same as if it came from the handler directly.
async fn told_as_it_is<E>(error: impl Fn() -> E + Copy, message: &str)
where
    E: Into<Diagnostic> + fmt::Debug,
{
    let stage = Stage::set().await;
    let fails = service_fn(move |_: LambdaEvent<Value>| async move { Err::<Value, E>(error()) });
    let mut service = Traced::new(fails, stage.sdk());
    let told = invoke(&mut service, "{}").await.err().unwrap();

    assert_eq!(format!("{told:?}"), format!("{:?}", error()));
    assert_eq!(Diagnostic::from(told), error().into());
    let root = stage.root();
    assert_eq!(
        (root.level.as_str(), root.status_message.as_deref()),
        ("ERROR", Some(message))
    );
    let error: Diagnostic = error().into();
    assert_eq!(root.text("error.type"), Some(error.error_type.as_str()));
}

#[derive(Debug)]
struct Overloaded;

impl From<Overloaded> for Diagnostic {
    fn from(_: Overloaded) -> Self {
        Self {
            error_type: "Overloaded".to_owned(),
            error_message: "try again in a minute".to_owned(),
        }
    }
}
