//! Bootstraps for the Lambda tests: the same handler with and without tracing.
//!
//! The test binary is its own bootstrap; see `testkit_bootstrap`.

#![cfg(unix)]

use std::env;

use bytes::Bytes;
use futures_util::stream;
use lambda_http::{RequestExt as _, RequestPayloadExt as _};
use lambda_runtime::{Error, LambdaEvent, MetadataPrelude, StreamResponse, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::Layer as _;
use warmspan::{
    http::TraceLayer,
    lambda::traced,
    testkit::{
        lambda::{Emulator, EmulatorBuilder},
        langfuse::Langfuse,
    },
};

const ROLE: &str = "LAMBDA_BOOTSTRAP";

/// An emulator that plays `role` and sends its traces to `langfuse`.
pub(crate) fn emulator(role: &str, langfuse: &Langfuse) -> EmulatorBuilder {
    Emulator::builder(env::current_exe().unwrap())
        .arg("--exact")
        .arg("lambda_bootstrap::bootstrap")
        .arg("--nocapture")
        .function_name("chat")
        .env(ROLE, role)
        .env("LANGFUSE_BASE_URL", langfuse.base_url())
        .env("LANGFUSE_PUBLIC_KEY", langfuse.public_key())
        .env("LANGFUSE_SECRET_KEY", langfuse.secret_key())
}

#[test]
fn bootstrap() {
    let Ok(role) = env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(play(&role)).unwrap();
}

async fn play(role: &str) -> Result<(), Error> {
    match role {
        "untraced" => lambda_runtime::run(service_fn(handle)).await,
        "traced" => lambda_runtime::run(traced(service_fn(handle))).await,
        "run" => warmspan::lambda::run(service_fn(handle)).await,
        "concurrent" => lambda_runtime::run_concurrent(traced(service_fn(handle))).await,
        "untraced stream" => lambda_runtime::run(service_fn(stream_words)).await,
        "traced stream" => warmspan::lambda::run(service_fn(stream_words)).await,
        "untraced lambda_http" => lambda_http::run(service_fn(echo_request)).await,
        "traced lambda_http" => {
            let service = TraceLayer::new().layer(service_fn(echo_request));
            lambda_http::run(service).await
        }
        "traced router" => {
            let router = axum::Router::new().fallback(async |body: String| body);
            lambda_http::run(TraceLayer::new().layer(router)).await
        }
        unknown => panic!("unknown role {unknown}"),
    }
}

/// What to do.
#[derive(Deserialize)]
struct Order {
    #[serde(rename = "do")]
    what: String,
}

async fn handle(event: LambdaEvent<Order>) -> Result<Value, Error> {
    match event.payload.what.as_str() {
        "fail" => Err("on purpose".into()),
        "panic" => panic!("out of hand"),
        "panic with an argument" => panic!("out of hand: {}", event.payload.what),
        "panic with a number" => std::panic::resume_unwind(Box::new(7)),
        what => {
            warmspan::sdk().span("step").end();
            Ok(json!({ "did": what }))
        }
    }
}

async fn stream_words(_: LambdaEvent<Value>) -> Result<StreamResponse<Words>, Error> {
    let words = ["a ", "streamed ", "answer"].map(|word| Ok(Bytes::from(word)));
    Ok(StreamResponse {
        metadata_prelude: MetadataPrelude::default(),
        stream: stream::iter(words),
    })
}

type Words = stream::Iter<std::array::IntoIter<Result<Bytes, Error>, 3>>;

async fn echo_request(
    request: lambda_http::Request,
) -> Result<lambda_http::Response<String>, Error> {
    let question: Option<Value> = request.payload()?;
    let token = request
        .query_string_parameters()
        .first("token")
        .map(str::to_owned);
    let response = lambda_http::Response::builder().header("x-token", token.unwrap_or_default());
    Ok(response.body(question.unwrap_or_default().to_string())?)
}
