//! Of an HTTP request and its response only the bodies leave the function.

use std::collections::HashMap;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};
use warmspan::lambda::Traced;

use crate::{
    events::{ALL, BODY, SECRET},
    lambda_stage::{Stage, buffered, invoke},
};

#[tokio::test]
async fn nothing_but_the_bodies_is_sent_of_any_kind_of_http_event() {
    for (name, payload) in ALL {
        let stage = Stage::set().await;
        let mut service = Traced::new(service_fn(answer), stage.sdk());
        let response = buffered(invoke(&mut service, payload).await);

        assert_eq!(
            response,
            answer_with_secrets(),
            "{name}: the caller gets all of it"
        );
        assert!(
            !stage.langfuse.contains(SECRET),
            "{name}: {:#?}",
            stage.root()
        );
        let root = stage.root();
        assert_eq!(root.input.as_deref(), Some(BODY), "{name}");
        assert_eq!(
            root.output.as_deref(),
            Some(r#"{"answer":"Because."}"#),
            "{name}"
        );
        assert_eq!(root.int("http.response.status_code"), Some(200), "{name}");
        assert_eq!(root.text("faas.trigger"), Some("http"), "{name}");
    }
}

#[tokio::test]
async fn neither_is_it_when_the_content_is_full() {
    for (name, payload) in ALL {
        let stage = Stage::set().await;
        let sdk = stage.sdk_with(&[("WARMSPAN_CONTENT", "full")]);
        let mut service = Traced::new(service_fn(answer), sdk);
        invoke(&mut service, payload).await.unwrap();

        assert_eq!(stage.root().input.as_deref(), Some(BODY), "{name}");
        assert!(!stage.langfuse.contains(SECRET), "{name}");
    }
}

#[tokio::test]
async fn headers_are_not_sent_of_events_that_carry_a_request_inside_either() {
    for (name, payload) in [
        (
            "AppSync",
            r#"{"arguments":{"id":"1"},"identity":{"sub":"hush"},"request":{"headers":{"authorization":"hush"}}}"#,
        ),
        (
            "an authorizer's",
            r#"{"type":"TOKEN","authorizationToken":"hush","methodArn":"arn:aws:execute-api:eu-west-1:1:a/b"}"#,
        ),
    ] {
        let stage = Stage::set().await;
        let mut service = Traced::new(service_fn(answer), stage.sdk());
        invoke(&mut service, payload).await.unwrap();

        assert_eq!(stage.root().level, "DEFAULT", "{name}");
        assert!(
            !stage.langfuse.contains(SECRET),
            "{name}: {:#?}",
            stage.root()
        );
    }
}

#[tokio::test]
async fn a_payload_that_does_not_fit_quotes_no_header() {
    /// Fits none of the events, since each value is text.
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Numbers {
        #[serde(alias = "rawPath", alias = "raw_path")]
        path: Option<u64>,
        #[serde(alias = "queryStringParameters")]
        headers: HashMap<String, u64>,
    }
    async fn never(_: LambdaEvent<Numbers>) -> Result<(), Error> {
        panic!("called with a payload that does not fit")
    }
    for (name, payload) in ALL {
        let stage = Stage::set().await;
        let mut service = Traced::new(service_fn(never), stage.sdk());
        assert!(invoke(&mut service, payload).await.is_err(), "{name}");

        assert_eq!(stage.root().level, "ERROR", "{name}");
        assert!(
            !stage.langfuse.contains(SECRET),
            "{name}: {:#?}",
            stage.root()
        );
    }
}

#[tokio::test]
async fn a_malformed_http_event_shows_nothing_of_itself() {
    for payload in [
        r#"{"headers":{"authorization":"hush"},"body":7}"#,
        r#"{"headers":"hush","body":"x"}"#,
        r#"{"cookies":["hush"],"isBase64Encoded":"perhaps"}"#,
        r#"{"requestContext":"hush"}"#,
        r#"{"body":{"question":"?"},"multiValueHeaders":[["cookie","hush"]]}"#,
    ] {
        let stage = Stage::set().await;
        let mut service = Traced::new(service_fn(answer), stage.sdk());
        invoke(&mut service, payload).await.unwrap();

        assert_eq!(stage.root().level, "DEFAULT", "{payload}");
        assert!(!stage.langfuse.contains(SECRET), "{payload}");
    }
}

async fn answer(_: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(answer_with_secrets())
}

fn answer_with_secrets() -> Value {
    json!({
        "statusCode": 200,
        "headers": { "content-type": "application/json", "set-cookie": "session=hush", "x-api-key": "hush" },
        "multiValueHeaders": { "set-cookie": ["session=hush", "tracking=hush"] },
        "cookies": ["session=hush"],
        "body": r#"{"answer":"Because."}"#,
        "isBase64Encoded": false,
    })
}
