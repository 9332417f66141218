//! Calls of clients that accept no layer, as Langfuse sees them.

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use warmspan::ModelCall;

use crate::provider_stage::{Stage, generation};

fn request() -> Value {
    json!({
        "model": "llama3", "options": { "temperature": 0.5 },
        "messages": [{ "role": "user", "content": "Capital of Peru?" }],
    })
}

fn line(content: &str, done: bool) -> Value {
    let mut line = json!({
        "model": "llama3", "message": { "role": "assistant", "content": content }, "done": done,
    });
    if done {
        line["done_reason"] = json!("stop");
        line["prompt_eval_count"] = json!(12);
        line["eval_count"] = json!(2);
    }
    line
}

#[tokio::test]
async fn a_call_is_a_generation_and_its_result_is_unchanged() {
    let stage = Stage::new(vec![Vec::new()]).await;
    let send = async { Ok::<Value, String>(line("Lima", true)) };
    let (result, trace) = stage
        .observe(async { ModelCall::ollama_chat(&request()).run(send).await })
        .await;

    assert_eq!(result, Ok(line("Lima", true)));
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat llama3 [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.input.as_deref(), Some("Capital of Peru?"));
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(generation.usage["total"], 14);
    assert_eq!(generation.text("gen_ai.provider.name"), Some("ollama"));
    assert_eq!(
        generation.text("langfuse.observation.model.parameters"),
        Some(r#"{"temperature":0.5}"#)
    );
}

#[tokio::test]
async fn a_failed_call_is_an_error_and_its_error_is_unchanged() {
    let stage = Stage::new(vec![Vec::new()]).await;
    let send = async { Err::<Value, String>("the model is not here".to_owned()) };
    let (result, trace) = stage
        .observe(async { ModelCall::ollama_chat(&request()).run(send).await })
        .await;

    assert_eq!(result, Err("the model is not here".to_owned()));
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat llama3 [generation] ERROR \"the model is not here\"\n"
    );
}

#[tokio::test]
async fn a_stream_hands_on_its_items_and_is_whole_at_its_end() {
    let stage = Stage::new(vec![Vec::new()]).await;
    let lines = vec![line("Li", false), line("ma", false), line("", true)];
    let items = stream::iter(lines.clone().into_iter().map(Ok::<Value, ()>));
    let (seen, trace) = stage
        .observe(async {
            let items = ModelCall::ollama_chat(&request()).stream(items);
            items.map(Result::unwrap).collect::<Vec<_>>().await
        })
        .await;

    assert_eq!(seen, lines);
    let generation = generation(&trace);
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(
        (generation.level.as_str(), &generation.usage["total"]),
        ("DEFAULT", &14)
    );
    assert!(generation.time_to_first_token().is_some());
}

#[tokio::test]
async fn a_stream_that_cannot_be_opened_is_an_error_and_its_error_is_unchanged() {
    let stage = Stage::new(vec![Vec::new()]).await;
    let open = async { Err::<stream::Empty<Result<Value, ()>>, _>("no http://a.b/c?key=0123") };
    let (result, trace) = stage
        .observe(async { ModelCall::ollama_chat(&request()).open_stream(open).await })
        .await;

    assert_eq!(result.err(), Some("no http://a.b/c?key=0123"));
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat llama3 [generation] ERROR \"no http://a.b/c\"\n"
    );
}

#[tokio::test]
async fn a_stream_that_breaks_says_why_in_its_own_words() {
    let stage = Stage::new(vec![Vec::new()]).await;
    let broken = stream::iter([Ok(line("Li", false)), Err("the line broke".to_owned())]);
    let (seen, trace) = stage
        .observe(async {
            let opening = async { Ok::<_, String>(broken) };
            let call = ModelCall::ollama_chat(&request());
            let items = call.open_stream(opening).await.unwrap();
            items.collect::<Vec<_>>().await
        })
        .await;

    assert_eq!(seen.last(), Some(&Err("the line broke".to_owned())));
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat llama3 [generation] ERROR \"the line broke\"\n"
    );
}

#[tokio::test]
async fn a_client_that_is_instrumented_as_well_adds_no_second_generation() {
    let stage = Stage::new(vec![]).await;
    let call = |at: &'static str| async move {
        let again = ModelCall::openai_chat(&json!({ "model": at }));
        let answer = again.run(async { Ok::<_, ()>(Value::Null).map_err(|()| "") });
        answer.await.map(|_| line("", true))
    };
    let (_, trace) = stage
        .observe(async {
            let opening = async {
                call("opening").await?;
                Ok::<_, &str>(Box::pin(stream::once(call("polling"))))
            };
            let items = ModelCall::ollama_chat(&request()).open_stream(opening);
            items.await.unwrap().collect::<Vec<_>>().await
        })
        .await;

    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat llama3 [generation]\n"
    );
}

#[tokio::test]
async fn another_provider_of_the_same_protocol_is_named() {
    let stage = Stage::new(vec![Vec::new()]).await;
    let send = async { Ok::<_, String>(json!({ "id": "c", "choices": [] })) };
    let (_, trace) = stage
        .observe(async {
            let call = ModelCall::openai_chat(&request()).provider("groq");
            call.run(send).await
        })
        .await;

    let provider = generation(&trace).text("gen_ai.provider.name");
    assert_eq!(provider, Some("groq"));
}

#[tokio::test]
async fn a_stream_dropped_before_its_end_is_a_warning_with_what_there_was() {
    let stage = Stage::new(vec![Vec::new()]).await;
    let items = stream::iter([Ok::<Value, ()>(line("Li", false))]).chain(stream::pending());
    let ((), trace) = stage
        .observe(async {
            let items = ModelCall::ollama_chat(&request()).stream(items);
            let _ = Box::pin(items).next().await;
        })
        .await;

    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat llama3 [generation] WARNING \"stream dropped by caller\"\n"
    );
    assert_eq!(generation(&trace).output.as_deref(), Some("Li"));
}

#[tokio::test]
async fn a_span_that_the_client_emits_of_the_same_call_counts_nothing() {
    use opentelemetry::{
        KeyValue,
        trace::{Span as _, Tracer as _, TracerProvider as _},
    };

    let stage = Stage::new(vec![]).await;
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_span_processor(stage.sdk.span_processor())
        .build();
    let request = json!({ "model": "llama3", "messages": [{ "role": "user", "content": "Hi" }] });
    let answer = async {
        let mut span = provider.tracer("client").start("chat");
        span.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
        span.set_attribute(KeyValue::new("gen_ai.usage.input_tokens", 3));
        span.end();
        Ok::<_, std::io::Error>(json!({
            "model": "llama3", "done": true, "done_reason": "stop", "prompt_eval_count": 3,
            "eval_count": 1, "message": { "role": "assistant", "content": "Hello" },
        }))
    };
    let (_, trace) = stage
        .observe(async { ModelCall::ollama_chat(&request).run(answer).await })
        .await;
    let outline = trace.outline();
    assert_eq!(outline.matches("[generation]").count(), 1, "{outline}");
    let inputs = trace
        .observations()
        .iter()
        .map(|seen| seen.usage.get("input").unwrap_or(&0));
    assert_eq!(inputs.sum::<u64>(), 3);
}
