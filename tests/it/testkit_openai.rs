//! The in-process `OpenAI` says what async-openai understands.

use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
};
use async_openai::types::responses::{
    CreateResponse, CreateResponseArgs, OutputItem, ResponseStreamEvent,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use warmspan::testkit::openai::{Fault, OpenAi};

use crate::testkit_http::Connection;

#[tokio::test]
async fn a_chat_completion_repeats_the_question() {
    let openai = OpenAi::start().await.unwrap();
    let answer = client(&openai, "any")
        .chat()
        .create(chat("Why is the sky blue?"))
        .await
        .unwrap();

    let text = answer.choices[0].message.content.clone().unwrap();
    assert!(text.contains("Why is the sky blue?"), "{text}");
    let usage = answer.usage.unwrap();
    assert_eq!(
        (answer.model.as_str(), usage.prompt_tokens),
        ("gpt-5-mini", 5),
        "20 characters"
    );
    assert_eq!(
        usage.completion_tokens,
        u32::try_from(text.chars().count().div_ceil(4)).unwrap()
    );
    assert_eq!(
        usage.total_tokens,
        usage.prompt_tokens + usage.completion_tokens
    );

    let asked = openai.requests().remove(0);
    assert_eq!(
        (asked.path.as_str(), asked.json()["model"].as_str()),
        ("/v1/chat/completions", Some("gpt-5-mini"))
    );
}

#[tokio::test]
async fn a_chat_stream_adds_up_to_the_same_answer() {
    let openai = OpenAi::start().await.unwrap();
    let client = client(&openai, "any");
    let whole = client
        .chat()
        .create(chat("Why?"))
        .await
        .unwrap()
        .choices
        .remove(0)
        .message
        .content
        .unwrap();
    for include_usage in [true, false] {
        let mut request = chat("Why?");
        request.stream_options = Some(ChatCompletionStreamOptions {
            include_usage: Some(include_usage),
            include_obfuscation: None,
        });
        let chunks: Vec<_> = client
            .chat()
            .create_stream(request)
            .await
            .unwrap()
            .collect()
            .await;
        let chunks: Vec<_> = chunks.into_iter().map(Result::unwrap).collect();
        let text: String = chunks
            .iter()
            .flat_map(|c| &c.choices)
            .filter_map(|choice| choice.delta.content.clone())
            .collect();
        assert_eq!(text, whole);
        let last = chunks.last().unwrap();
        assert_eq!(
            (last.usage.is_some(), last.choices.is_empty()),
            (include_usage, include_usage)
        );
        assert_eq!(
            chunks.iter().filter(|chunk| chunk.usage.is_some()).count(),
            usize::from(include_usage)
        );
    }
}

#[tokio::test]
async fn a_response_repeats_the_question() {
    let openai = OpenAi::start().await.unwrap();
    let answer = client(&openai, "any")
        .responses()
        .create(respond("And the sea?"))
        .await
        .unwrap();
    let OutputItem::Message(message) = &answer.output[0] else {
        panic!("no message")
    };
    assert_eq!(message.id, "msg_testkit");
    assert!(answer.output_text().unwrap().contains("And the sea?"));
    assert_eq!(answer.usage.unwrap().input_tokens, 3);
}

#[tokio::test]
async fn a_response_stream_ends_with_the_whole_response() {
    let openai = OpenAi::start().await.unwrap();
    let client = client(&openai, "any");
    let whole = client.responses().create(respond("Why?")).await.unwrap();
    let events: Vec<_> = client
        .responses()
        .create_stream(respond("Why?"))
        .await
        .unwrap()
        .collect()
        .await;
    let events: Vec<_> = events.into_iter().map(Result::unwrap).collect();

    assert!(matches!(events[0], ResponseStreamEvent::ResponseCreated(_)));
    let text: String = events
        .iter()
        .filter_map(|event| match event {
            ResponseStreamEvent::ResponseOutputTextDelta(delta) => Some(delta.delta.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(Some(text), whole.output_text());
    let Some(ResponseStreamEvent::ResponseCompleted(completed)) = events.last() else {
        panic!("not completed")
    };
    assert_eq!(completed.response, whole);
}

#[tokio::test]
async fn embeddings_depend_on_the_text() {
    let openai = OpenAi::start().await.unwrap();
    let request =
        json!({ "model": "text-embedding-3-small", "input": ["one", "two"], "dimensions": 4 });
    let (status, answer) = post(&openai, "/v1/embeddings", &request);
    assert_eq!(
        (status, answer["usage"]["total_tokens"].as_u64()),
        (200, Some(2))
    );
    let vector = |i: usize| answer["data"][i]["embedding"].as_array().unwrap().clone();
    assert_eq!((vector(0).len(), vector(0) == vector(1)), (4, false));
}

#[tokio::test]
async fn what_is_wrong_gets_the_error_envelope() {
    let openai = OpenAi::start().await.unwrap();
    for (path, body, status) in [
        ("/v1/chat/completions", json!({ "messages": [] }), 400),
        ("/v1/chat/completions", json!({ "model": "m" }), 400),
        ("/v1/responses", json!({ "model": "m" }), 400),
        ("/v1/nonsense", json!({}), 404),
    ] {
        let (answered, envelope) = post(&openai, path, &body);
        assert_eq!(answered, status, "{path} {body}");
        assert_eq!(envelope["error"]["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn without_the_right_key_it_is_401() {
    let openai = OpenAi::with_key("sk-right").await.unwrap();
    assert!(
        client(&openai, "sk-right")
            .chat()
            .create(chat("Why?"))
            .await
            .is_ok()
    );
    let error = client(&openai, "sk-wrong")
        .chat()
        .create(chat("Why?"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("Incorrect API key provided."),
        "{error}"
    );
}

#[tokio::test]
async fn faults_are_committed_and_forgotten() {
    let openai = OpenAi::start().await.unwrap();
    let request = json!({ "model": "m", "input": "Why?" });
    openai.answer_next(
        1,
        &Fault::Status {
            code: 429,
            retry_after: Some(Duration::from_secs(2)),
        },
    );
    openai.answer_next(1, &Fault::CloseBeforeResponse);

    let mut connection = Connection::open(&openai.base_url()).unwrap();
    let limited = connection
        .post("/v1/responses", &[], request.to_string().as_bytes())
        .unwrap();
    assert_eq!(
        (limited.status, limited.header("retry-after")),
        (429, Some("2"))
    );
    assert!(
        connection
            .post("/v1/responses", &[], request.to_string().as_bytes())
            .is_err()
    );
    assert_eq!(post(&openai, "/v1/responses", &request).0, 200);
    assert_eq!(openai.requests().len(), 3);
}

#[tokio::test]
async fn a_stream_can_be_cut() {
    let openai = OpenAi::start().await.unwrap();
    openai.answer_next(1, &Fault::CutStream { after: 3 });
    let stream = client(&openai, "any")
        .chat()
        .create_stream(chat("Why?"))
        .await
        .unwrap();
    let chunks: Vec<_> = stream.collect().await;
    assert_eq!(chunks.iter().filter(|chunk| chunk.is_ok()).count(), 3);
    assert!(chunks.last().unwrap().is_err());
}

#[tokio::test]
async fn a_pace_spreads_a_stream() {
    let openai = OpenAi::start().await.unwrap();
    openai.pace(Duration::from_millis(5));
    let began = std::time::Instant::now();
    let stream = client(&openai, "any")
        .chat()
        .create_stream(chat("Why?"))
        .await
        .unwrap();
    let events = stream.collect::<Vec<_>>().await.len();
    assert!(began.elapsed() >= Duration::from_millis(5) * u32::try_from(events).unwrap());
}

#[tokio::test]
async fn streams_that_are_held_back_go_on_when_they_are_released() {
    let openai = OpenAi::start().await.unwrap();
    openai.hold_streams(2);
    let client = client(&openai, "any");
    let mut stream = client.chat().create_stream(chat("Why?")).await.unwrap();
    for _ in 0..2 {
        stream.next().await.unwrap().unwrap();
    }
    let third = tokio::time::timeout(Duration::from_millis(50), stream.next()).await;
    assert!(third.is_err(), "{third:?}");
    openai.release_streams();
    let rest = stream.collect::<Vec<_>>().await;
    assert!(rest.len() > 2 && rest.iter().all(Result::is_ok), "{rest:?}");
}

/// A client that needs no TLS, and so no process-wide default for it.
fn client(openai: &OpenAi, key: &str) -> Client<OpenAIConfig> {
    let config = OpenAIConfig::new()
        .with_api_base(openai.base_url())
        .with_api_key(key);
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .build()
        .unwrap();
    Client::build(http, config)
}

fn chat(question: &str) -> CreateChatCompletionRequest {
    CreateChatCompletionRequest {
        model: "gpt-5-mini".to_owned(),
        messages: vec![ChatCompletionRequestUserMessage::from(question).into()],
        ..Default::default()
    }
}

fn respond(question: &str) -> CreateResponse {
    CreateResponseArgs::default()
        .model("gpt-5-mini")
        .input(question)
        .build()
        .unwrap()
}

fn post(openai: &OpenAi, path: &str, body: &Value) -> (u16, Value) {
    let mut connection = Connection::open(&openai.base_url()).unwrap();
    let answer = connection
        .post(path, &[], body.to_string().as_bytes())
        .unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}
