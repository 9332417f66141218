//! The example of a TypeScript project with one function in Rust, as Vercel's builder built it.

use std::env;

use http::Request;
use serde_json::{Value, json};
use warmspan::testkit::vercel::Emulator;

use crate::{
    surroundings::{OPENAI_KEY, Surroundings},
    vercel_stage::assert_arrived_before_the_end,
};

/// Names the executable.
const EXECUTABLE: &str = "WARMSPAN_VERCEL_API_BIN";

#[tokio::test]
#[ignore = "needs an executable that Vercel's builder makes; .ci/vercel.sh does"]
async fn it_answers_and_its_trace_arrives_before_the_end() {
    let surroundings = Surroundings::start().await;
    let function = Emulator::builder(env::var_os(EXECUTABLE).expect(EXECUTABLE))
        .env("LANGFUSE_BASE_URL", surroundings.langfuse.base_url())
        .env("LANGFUSE_PUBLIC_KEY", surroundings.langfuse.public_key())
        .env("LANGFUSE_SECRET_KEY", surroundings.langfuse.secret_key())
        .env("OPENAI_BASE_URL", surroundings.openai.base_url())
        .env("OPENAI_API_KEY", OPENAI_KEY)
        .start()
        .await
        .unwrap();
    let request = Request::post("/api/chat")
        .body(json!({ "question": "Why?" }).to_string())
        .unwrap();
    let invocation = function.request(request).await.unwrap();

    assert_eq!(invocation.status, 200);
    let body: Value = serde_json::from_slice(&invocation.body).unwrap();
    assert!(body["answer"].as_str().unwrap().contains("Why?"), "{body}");
    assert_arrived_before_the_end(&surroundings.langfuse, &invocation);
    let exit = function.terminate().await;
    assert!(exit.status.unwrap().success() && !exit.sigkill, "{exit:?}");
}
