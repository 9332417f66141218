//! `POST /api/chat`: answers a question, and leaves a trace of it.

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use vercel_runtime::{Error, Request, service_fn};
use warmspan::{
    observe,
    openai::{
        self,
        async_openai::{error::OpenAIError, types::responses::CreateResponseArgs},
    },
};

#[tokio::main]
async fn main() -> Result<(), Error> {
    warmspan::vercel::run(service_fn(handler)).await // the only line that tracing changes
}

async fn handler(request: Request) -> Result<Value, Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let body: Value = serde_json::from_slice(&body)?;
    let question = body["question"].as_str().ok_or("send {\"question\": \"...\"}")?;
    Ok(json!({ "answer": answer(question).await? }))
}

#[observe(as_type = "chain")]
async fn answer(question: &str) -> Result<Option<String>, OpenAIError> {
    let request = CreateResponseArgs::default()
        .model("gpt-5-mini")
        .input(question)
        .build()?;
    let response = openai::client().responses().create(request).await?;
    Ok(response.output_text())
}
