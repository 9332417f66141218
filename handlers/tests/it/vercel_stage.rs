//! Requests to the function on Vercel, and what became of them.

use http::Request;
use serde_json::{Value, json};
use warmspan::testkit::{langfuse::Langfuse, tree::Trace, vercel::Invocation};

/// A request that asks `question`.
pub(crate) fn ask(question: &str) -> Request<String> {
    request(&json!({ "question": question }))
}

/// A request whose answer is streamed to the client.
pub(crate) fn ask_for_stream(question: &str) -> Request<String> {
    request(&json!({ "question": question, "stream": true }))
}

fn request(body: &Value) -> Request<String> {
    Request::post("/api/chat?token=hush-query")
        .header("authorization", "Bearer hush-header")
        .header("cookie", "session=hush-cookie")
        .header("content-type", "application/json")
        .body(body.to_string())
        .unwrap()
}

/// Asserts that the client got the model's answer to `question`.
pub(crate) fn assert_answered(invocation: &Invocation, question: &str) {
    let body = std::str::from_utf8(&invocation.body).unwrap();
    assert_eq!(invocation.status, 200, "{body}");
    assert!(body.contains(question), "{body}");
}

/// Asserts that the whole trace of a request was with the collector before the runtime said
/// `end`.
pub(crate) fn assert_arrived_before_the_end(langfuse: &Langfuse, invocation: &Invocation) -> Trace {
    let ended = invocation.timeline.ended.unwrap();
    let trace = trace_of(langfuse, &invocation.request_id);
    assert_eq!(trace.observations().len(), 3, "{trace}");
    for observation in trace.observations() {
        assert!(
            observation.received_at < ended,
            "{} came after the end",
            observation.name
        );
    }
    trace
}

fn trace_of(langfuse: &Langfuse, request_id: &str) -> Trace {
    let mut traces = langfuse.traces().into_iter();
    let is_its =
        |trace: &Trace| trace.root().unwrap().text("faas.invocation_id") == Some(request_id);
    traces.find(is_its).unwrap()
}
