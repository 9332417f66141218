//! The function on AWS Lambda, behind an API Gateway HTTP API or a function URL.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};
use warmspan_handlers::{Question, answer, model, nothing_asked};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    warmspan::lambda::run(service_fn(handler)).await
}

async fn handler(event: LambdaEvent<HttpEvent>) -> Result<Value, Error> {
    let Some(question) = event.payload.question() else {
        nothing_asked();
        return Ok(response(
            400,
            &json!({ "error": "send {\"question\": \"...\"}" }),
        ));
    };
    let answer = answer(question, &model()).await?;
    Ok(response(200, &json!({ "answer": answer })))
}

/// The part of an API Gateway event (payload format 2.0) that the function reads.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpEvent {
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl HttpEvent {
    fn question(self) -> Option<Question> {
        let mut body = self.body?.into_bytes();
        if self.is_base64_encoded {
            body = BASE64_STANDARD.decode(body).ok()?;
        }
        serde_json::from_slice(&body).ok()
    }
}

fn response(status: u16, body: &Value) -> Value {
    json!({
        "statusCode": status,
        "headers": { "content-type": "application/json" },
        "body": body.to_string(),
    })
}
