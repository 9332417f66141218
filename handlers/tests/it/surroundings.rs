//! What surrounds the function in these tests: a model and a collector, in this process.

use std::{env, ffi::OsString, time::Duration};

use serde_json::json;
use warmspan::testkit::{
    lambda::{Emulator, EmulatorBuilder, Invocation},
    langfuse::Langfuse,
    openai::OpenAi,
    tree::Trace,
    vercel,
};

/// A model and a collector that behave, until a test tells them otherwise.
pub(crate) struct Surroundings {
    pub(crate) langfuse: Langfuse,
    pub(crate) openai: OpenAi,
}

/// The name of the function.
pub(crate) const FUNCTION: &str = "chat";

/// The key that the function presents to the model.
pub(crate) const OPENAI_KEY: &str = "sk-proj-of-the-model-0123456789";

impl Surroundings {
    pub(crate) async fn start() -> Self {
        Self {
            langfuse: Langfuse::start().await.unwrap(),
            openai: OpenAi::with_key(OPENAI_KEY).await.unwrap(),
        }
    }

    /// The function, told of its surroundings. What a test adds counts more.
    pub(crate) fn function(&self) -> EmulatorBuilder {
        self.function_without_keys()
            .env("LANGFUSE_PUBLIC_KEY", self.langfuse.public_key())
            .env("LANGFUSE_SECRET_KEY", self.langfuse.secret_key())
    }

    /// The function, told of its surroundings except for the collector's keys.
    pub(crate) fn function_without_keys(&self) -> EmulatorBuilder {
        Emulator::builder(env!("CARGO_BIN_EXE_lambda"))
            .function_name(FUNCTION)
            .env("LANGFUSE_BASE_URL", self.langfuse.base_url())
            .env("OPENAI_BASE_URL", self.openai.base_url())
            .env("OPENAI_API_KEY", OPENAI_KEY)
    }

    /// The function as it is on Vercel, told of its surroundings: the one that Vercel's own builder
    /// made, where `WARMSPAN_VERCEL_BIN` names it.
    pub(crate) fn on_vercel(&self) -> vercel::EmulatorBuilder {
        let executable = env::var_os("WARMSPAN_VERCEL_BIN")
            .unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_vercel")));
        vercel::Emulator::builder(executable)
            .env("LANGFUSE_BASE_URL", self.langfuse.base_url())
            .env("LANGFUSE_PUBLIC_KEY", self.langfuse.public_key())
            .env("LANGFUSE_SECRET_KEY", self.langfuse.secret_key())
            .env("OPENAI_BASE_URL", self.openai.base_url())
            .env("OPENAI_API_KEY", OPENAI_KEY)
    }

    /// Has the collector close every connection while the function is frozen.
    pub(crate) async fn close_connections_while_frozen(&self, function: &Emulator) {
        assert!(function.is_frozen());
        self.close_connections().await;
    }

    /// Has the collector close every connection. They stay closed while nothing runs that opens one.
    pub(crate) async fn close_connections(&self) {
        self.langfuse.close_idle_connections();
        let closing = async {
            while self.langfuse.open_connections() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, closing).await.unwrap();
    }

    /// Outlines of the traces that arrived.
    pub(crate) fn outlines(&self, attributes: &[&str]) -> Vec<String> {
        let traces = self.langfuse.traces();
        traces
            .iter()
            .map(|trace| trace.outline_with(attributes))
            .collect()
    }

    /// Asserts that the function recorded a trace for each invocation, and that it was here before
    /// the function was frozen.
    pub(crate) fn assert_arrived_before_the_freeze(&self, invocations: &[&Invocation]) {
        let traces = self.langfuse.traces();
        assert_eq!(traces.len(), invocations.len());
        for invocation in invocations {
            let trace = trace_of(&traces, invocation);
            let frozen = invocation.timeline.frozen.unwrap();
            for observation in trace.observations() {
                assert!(
                    observation.received_at < frozen,
                    "{} came after the freeze",
                    observation.name
                );
            }
        }
    }
}

/// The trace of an invocation.
pub(crate) fn trace_of<'a>(traces: &'a [Trace], invocation: &Invocation) -> &'a Trace {
    let is_its = |trace: &&Trace| {
        trace.root().unwrap().text("faas.invocation_id") == Some(&invocation.request_id)
    };
    traces.iter().find(is_its).unwrap()
}

/// An API Gateway event (payload format 2.0) that asks `question`.
pub(crate) fn event(question: &str) -> String {
    event_with(&json!({ "question": question }))
}

/// An API Gateway event whose answer the model streams to the function.
pub(crate) fn streamed_event(question: &str) -> String {
    event_with(&json!({ "question": question, "stream": true }))
}

fn event_with(body: &serde_json::Value) -> String {
    json!({
        "version": "2.0",
        "routeKey": "POST /chat",
        "rawPath": "/chat",
        "rawQueryString": "token=hush-query",
        "cookies": ["session=hush-cookie"],
        "headers": {
            "authorization": "Bearer hush-header",
            "content-type": "application/json",
            "x-api-key": "hush-key",
        },
        "queryStringParameters": { "token": "hush-query" },
        "requestContext": {
            "accountId": "123456789012",
            "http": { "method": "POST", "path": "/chat", "sourceIp": "192.0.2.1", "userAgent": "hush-agent" },
            "stage": "$default",
        },
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
    .to_string()
}

/// Asserts that the client got the model's answer.
pub(crate) fn assert_answered(invocation: &Invocation) {
    let response: serde_json::Value =
        serde_json::from_slice(invocation.result.as_ref().unwrap()).unwrap();
    assert_eq!(response["statusCode"], 200, "{response}");
    let body: serde_json::Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    assert!(!body["answer"].as_str().unwrap().is_empty(), "{response}");
}

/// What warmspan wrote to standard error.
pub(crate) fn told(emulator: &Emulator) -> Vec<String> {
    let lines = emulator.logs().into_iter();
    lines
        .filter_map(|line| Some(line.text.strip_prefix("warmspan: ")?.to_owned()))
        .collect()
}

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);
