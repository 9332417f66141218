//! Calls of an async-openai client, as Langfuse sees them.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::{Layer as _, Service as _, ServiceBuilder, ServiceExt as _};
use warmspan::{
    CallAttributes, ObserveFuture as _, Sdk,
    openai::async_openai::{
        Client,
        config::OpenAIConfig,
        error::OpenAIError,
        middleware::{HttpRequestFactory, ReqwestService},
        types::{
            chat::{
                ChatCompletionRequestUserMessage, CreateChatCompletionRequest,
                CreateChatCompletionRequestArgs,
            },
            embeddings::CreateEmbeddingRequestArgs,
            responses::CreateResponseArgs,
        },
    },
};

use crate::{
    provider_replay::{Piece, Replay, event, json as answer, stream_head},
    provider_stage::{KEY, Stage, generation, reqwest_client},
};

fn question() -> CreateChatCompletionRequest {
    CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .temperature(0.5)
        .messages([ChatCompletionRequestUserMessage::from("Capital of Peru?").into()])
        .build()
        .unwrap()
}

fn completion() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": { "role": "assistant", "content": "Lima" },
        }],
        "usage": { "prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14 },
    })
}

fn chunk(content: &str) -> Value {
    json!({
        "id": "chatcmpl-2", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024",
        "choices": [{ "index": 0, "delta": { "content": content }, "finish_reason": null }],
    })
}

#[tokio::test]
async fn a_call_is_a_generation_inside_of_the_current_observation() {
    let stage = Stage::new(vec![answer(200, &completion())]).await;
    let (response, trace) = stage
        .observe(stage.client().chat().create(question()))
        .await;

    assert_eq!(
        response.unwrap().choices[0].message.content.as_deref(),
        Some("Lima")
    );
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat gpt-4o-mini [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.model.as_deref(), Some("gpt-4o-mini-2024"));
    assert_eq!(generation.input.as_deref(), Some("Capital of Peru?"));
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(
        generation.text("langfuse.observation.usage_details"),
        Some(r#"{"input":12,"output":2,"total":14}"#)
    );
    assert_eq!(
        generation.text("langfuse.observation.model.parameters"),
        Some(r#"{"temperature":0.5}"#)
    );
    assert_eq!(generation.text("gen_ai.provider.name"), Some("openai"));
    assert_eq!(generation.int("gen_ai.usage.input_tokens"), Some(12));
    assert!(stage.provider.requests()[0].contains(KEY));
    assert!(!stage.langfuse.contains(KEY));
}

#[tokio::test]
async fn a_stream_read_to_its_end_is_whole_and_tells_when_it_began() {
    let usage = json!({
        "id": "chatcmpl-2", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024",
        "choices": [], "usage": { "prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14 },
    });
    let pieces = vec![
        stream_head(),
        event(&chunk("Li")),
        event(&chunk("ma")),
        event(&usage),
        event(&"[DONE]"),
    ];
    let stage = Stage::new(vec![pieces]).await;
    let client = stage.client();
    let work = async move {
        let mut stream = client.chat().create_stream(question()).await.unwrap();
        let mut text = String::new();
        while let Some(chunk) = stream.next().await {
            for choice in chunk.unwrap().choices {
                text.push_str(choice.delta.content.as_deref().unwrap_or_default());
            }
        }
        text
    };
    let (text, trace) = stage.observe(work).await;

    assert_eq!(text, "Lima");
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat gpt-4o-mini [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(generation.usage["total"], 14);
    assert!(generation.time_to_first_token().is_some());
}

#[tokio::test]
async fn a_stream_dropped_before_its_end_is_a_warning_with_what_there_was() {
    let forever = Arc::new(Notify::new());
    let pieces = vec![stream_head(), event(&chunk("Li")), Piece::Wait(forever)];
    let stage = Stage::new(vec![pieces]).await;
    let client = stage.client();
    let work = async move {
        let mut stream = client.chat().create_stream(question()).await.unwrap();
        stream.next().await.unwrap().unwrap();
    };
    let ((), trace) = stage.observe(work).await;

    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat gpt-4o-mini [generation] WARNING \"stream dropped by caller\"\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.output.as_deref(), Some("Li"));
    // Told nothing, Langfuse would count the tokens of the preview.
    assert_eq!(
        generation.text("langfuse.observation.usage_details"),
        Some(r#"{"total":0}"#)
    );
    assert_eq!(
        generation.text("langfuse.observation.metadata.usage_source"),
        Some("missing")
    );
}

#[tokio::test]
async fn a_call_dropped_before_its_response_is_a_warning() {
    let stage = Stage::new(vec![vec![Piece::Wait(Arc::new(Notify::new()))]]).await;
    let client = stage.client();
    let work = async move {
        let call = client.chat().create(question()).await;
        call.is_ok()
    };
    let timeout = Duration::from_millis(50);
    let (result, trace) = stage.observe(tokio::time::timeout(timeout, work)).await;

    assert!(result.is_err());
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat gpt-4o-mini [generation] WARNING \"call dropped by caller\"\n"
    );
}

#[tokio::test]
async fn attempts_are_one_generation_and_the_default_retries_stay() {
    let busy = answer(503, &json!({}));
    let stage = Stage::new(vec![busy.clone(), busy, answer(200, &completion())]).await;
    let (response, trace) = stage
        .observe(stage.client().chat().create(question()))
        .await;

    assert!(response.is_ok());
    assert_eq!(stage.provider.requests().len(), 3);
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat gpt-4o-mini [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(
        generation.text("langfuse.observation.metadata.attempts"),
        Some("3")
    );
}

#[tokio::test]
async fn an_error_of_the_provider_keeps_its_type_and_message() {
    let envelope = json!({ "error": {
        "message": "You exceeded your quota", "type": "insufficient_quota", "code": "insufficient_quota",
    }});
    for status in [400, 429] {
        let stage = Stage::new(vec![answer(status, &envelope)]).await;
        let (response, trace) = stage
            .observe(stage.client().chat().create(question()))
            .await;

        let Err(OpenAIError::ApiError(error)) = response else {
            panic!("{response:?}")
        };
        assert_eq!(error.api_error.message, "You exceeded your quota");
        assert_eq!(
            trace.outline(),
            "work [span]\n└─ chat gpt-4o-mini [generation] ERROR \"You exceeded your quota\"\n"
        );
        let generation = generation(&trace);
        assert_eq!(generation.text("error.type"), Some("insufficient_quota"));
        assert_eq!(
            generation.int("http.response.status_code"),
            Some(i64::from(status))
        );
    }
}

#[tokio::test]
async fn a_response_is_handed_on_as_it_came() {
    let stage = Stage::new(vec![answer(200, &completion())]).await;
    let http = reqwest_client();
    let url = format!("{}/chat/completions", stage.provider.base_url());
    let factory = {
        let (http, url) = (http.clone(), url.clone());
        HttpRequestFactory::new(move || {
            let request = http
                .post(&url)
                .body(json!({ "model": "m", "messages": [] }).to_string())
                .build();
            async move { Ok(request?) }
        })
    };
    let mut service = warmspan::openai::layer().layer(ReqwestService::new(http));
    let call = async { service.ready().await?.call(factory).await };
    let (response, trace) = stage.observe(call.and_then_body()).await;

    let (response_url, status, kept, length, body) = response.unwrap();
    assert_eq!(
        (response_url.as_str(), status, kept.as_str()),
        (url.as_str(), 200, "yes")
    );
    assert_eq!(body, completion().to_string());
    assert_eq!(length, Some(body.len() as u64));
    assert_eq!(trace.outline(), "work [span]\n└─ chat m [generation]\n");
}

#[tokio::test]
async fn each_frame_passes_before_the_next_one_is_sent() {
    let gate = Arc::new(Notify::new());
    let pieces = vec![
        stream_head(),
        event(&chunk("one")),
        Piece::Wait(Arc::clone(&gate)),
        event(&chunk("two")),
        event(&"[DONE]"),
    ];
    let stage = Stage::new(vec![pieces]).await;
    let client = stage.client();
    let work = async move {
        let mut stream = client.chat().create_stream(question()).await.unwrap();
        let mut texts = Vec::new();
        while let Some(chunk) = stream.next().await {
            texts.push(chunk.unwrap().choices[0].delta.content.clone().unwrap());
            gate.notify_one();
        }
        texts
    };
    let (texts, _) = stage.observe(work).await;
    assert_eq!(texts, ["one", "two"]);
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_of_the_same_kind_as_ever() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let stage = Stage::new(vec![vec![Piece::Bytes(cut.as_bytes().to_vec())]]).await;
    let bare = Client::build(reqwest_client(), stage.config());
    let expected = bare.chat().create(question()).await.unwrap_err();
    let (response, trace) = stage
        .observe(stage.client().chat().create(question()))
        .await;

    let error = response.unwrap_err();
    assert_eq!(error.to_string(), expected.to_string());
    let generation = generation(&trace);
    assert_eq!(generation.level, "ERROR");
    assert_eq!(generation.text("error.type"), Some("body"));
}

#[tokio::test]
async fn a_provider_out_of_reach_is_an_error() {
    let stage = Stage::new(vec![answer(200, &completion())]).await;
    let http = reqwest_client();
    let service = ServiceBuilder::new()
        .layer(warmspan::openai::layer())
        .service(ReqwestService::new(http.clone()));
    let config = OpenAIConfig::new()
        .with_api_base("http://127.0.0.1:1/v1")
        .with_api_key(KEY);
    let client = Client::build(http, config).with_http_service(service);
    let (response, trace) = stage.observe(client.chat().create(question())).await;

    assert!(response.is_err());
    let generation = generation(&trace);
    assert_eq!(
        (generation.level.as_str(), generation.text("error.type")),
        ("ERROR", Some("connect"))
    );
    assert!(
        !generation
            .status_message
            .as_deref()
            .unwrap_or_default()
            .contains("/v1")
    );
}

#[tokio::test]
async fn a_response_of_the_responses_api_is_a_generation() {
    let response = json!({
        "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5-mini", "status": "completed",
        "output": [{
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": "Lima", "annotations": [] }],
        }],
        "usage": {
            "input_tokens": 30, "input_tokens_details": { "cached_tokens": 10 },
            "output_tokens": 70, "output_tokens_details": { "reasoning_tokens": 64 }, "total_tokens": 100,
        },
    });
    let stage = Stage::new(vec![answer(200, &response)]).await;
    let request = CreateResponseArgs::default()
        .model("gpt-5-mini")
        .instructions("Be brief.")
        .input("Capital of Peru?")
        .build()
        .unwrap();
    let (_, trace) = stage
        .observe(stage.client().responses().create(request))
        .await;

    let generation = generation(&trace);
    assert_eq!(generation.name, "chat gpt-5-mini");
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(
        generation.text("langfuse.observation.usage_details"),
        Some(
            r#"{"input":20,"input_cached_tokens":10,"output":6,"output_reasoning_tokens":64,"total":100}"#
        )
    );
    assert_eq!(
        generation.text("langfuse.observation.metadata.system_prompt"),
        Some("Be brief.")
    );
}

#[tokio::test]
async fn embeddings_keep_their_number_and_length_and_no_vector() {
    let vector =
        |index| json!({ "object": "embedding", "index": index, "embedding": [0.25, 0.5, 0.75] });
    let response = json!({
        "object": "list", "model": "text-embedding-3-small", "data": [vector(0), vector(1)],
        "usage": { "prompt_tokens": 4, "total_tokens": 4 },
    });
    let stage = Stage::new(vec![answer(200, &response)]).await;
    let request = CreateEmbeddingRequestArgs::default()
        .model("text-embedding-3-small")
        .input(["one", "two"])
        .build()
        .unwrap();
    let (response, trace) = stage
        .observe(stage.client().embeddings().create(request))
        .await;

    assert_eq!(response.unwrap().data.len(), 2);
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ embeddings text-embedding-3-small [embedding]\n"
    );
    let embedding = generation(&trace);
    assert_eq!(
        embedding.output.as_deref(),
        Some(r#"{"dimensions":3,"embeddings":2}"#)
    );
    assert_eq!(embedding.usage["input"], 4);
    assert!(!stage.langfuse.contains("0.75"));
}

#[tokio::test]
async fn include_usage_is_asked_for_in_streams_that_say_nothing_of_it() {
    let pieces = vec![stream_head(), event(&chunk("Lima")), event(&"[DONE]")];
    let stage = Stage::new(vec![pieces]).await;
    let client = warmspan::openai::layer()
        .include_usage()
        .client(stage.config());
    let work = async move {
        let stream = client.chat().create_stream(question()).await.unwrap();
        stream.count().await
    };
    let (_, trace) = stage.observe(work).await;

    let request = stage.provider.requests().remove(0);
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["stream_options"], json!({ "include_usage": true }));
    assert_eq!(body["messages"][0]["content"], "Capital of Peru?");
    assert_eq!(generation(&trace).output.as_deref(), Some("Lima"));
}

#[tokio::test]
async fn a_scope_names_the_calls_inside_and_tells_the_provider_nothing() {
    let stage = Stage::new(vec![answer(200, &completion())]).await;
    let client = stage.client();
    let work = CallAttributes::new()
        .name("capital")
        .prompt("geography", 3)
        .metadata("tier", "gold")
        .scope(async move { client.chat().create(question()).await });
    let (_, trace) = stage.observe(work).await;

    assert_eq!(trace.outline(), "work [span]\n└─ capital [generation]\n");
    let generation = generation(&trace);
    assert_eq!(
        generation.text("langfuse.observation.prompt.name"),
        Some("geography")
    );
    assert_eq!(
        generation.int("langfuse.observation.prompt.version"),
        Some(3)
    );
    assert_eq!(
        generation.text("langfuse.observation.metadata.tier"),
        Some("gold")
    );
    let request = &stage.provider.requests()[0];
    assert!(!request.contains("geography") && !request.contains("gold"));
}

#[tokio::test]
async fn a_flush_waits_for_an_open_stream_that_ends_in_time() {
    let gate = Arc::new(Notify::new());
    let pieces = vec![
        stream_head(),
        event(&chunk("Li")),
        Piece::Wait(Arc::clone(&gate)),
        event(&chunk("ma")),
        event(&"[DONE]"),
    ];
    let stage = Stage::new(vec![pieces]).await;
    let mut stream = stage.open_stream(question()).await;
    stream.next().await.unwrap().unwrap();
    let reading = tokio::spawn(async move { stream.count().await });
    let flush = stage.sdk.force_flush(Duration::from_secs(20));
    let (report, ()) = tokio::join!(flush, async { gate.notify_one() });
    assert_eq!(report.kept(), 0);

    reading.await.unwrap();
    let trace = stage.langfuse.traces().remove(0);
    assert_eq!(
        trace.outline(),
        "outer [span]\n└─ chat gpt-4o-mini [generation]\n"
    );
    assert_eq!(generation(&trace).output.as_deref(), Some("Lima"));
}

#[tokio::test]
async fn a_flush_sends_what_an_endless_stream_has_brought() {
    let forever = Arc::new(Notify::new());
    let pieces = vec![stream_head(), event(&chunk("Li")), Piece::Wait(forever)];
    let stage = Stage::new(vec![pieces]).await;
    let mut stream = stage.open_stream(question()).await;
    stream.next().await.unwrap().unwrap();
    let _ = stage.sdk.force_flush(Duration::from_millis(400)).await;

    let trace = stage.langfuse.traces().remove(0);
    assert_eq!(
        trace.outline(),
        "outer [span]\n└─ chat gpt-4o-mini [generation] WARNING \"flushed while the stream was still open\"\n"
    );
    assert_eq!(generation(&trace).output.as_deref(), Some("Li"));
}

#[tokio::test]
async fn without_tracing_the_client_works_all_the_same() {
    let provider = Replay::start(vec![answer(200, &completion())]).await;
    let config = OpenAIConfig::new()
        .with_api_base(provider.base_url())
        .with_api_key(KEY);
    let client = warmspan::openai::client_with(config);
    let work = async { client.chat().create(question()).await };
    assert!(work.observed(Sdk::disabled().span("work")).await.is_ok());
}

/// What a caller sees of a response, once its body was read.
type Seen = (reqwest::Url, u16, String, Option<u64>, String);

trait AndThenBody: Future<Output = Result<reqwest::Response, OpenAIError>> + Sized {
    async fn and_then_body(self) -> Result<Seen, OpenAIError> {
        let response = self.await?;
        let url = response.url().clone();
        let kept = response.headers()["x-kept"].to_str().unwrap().to_owned();
        let (status, length) = (response.status().as_u16(), response.content_length());
        Ok((url, status, kept, length, response.text().await?))
    }
}

impl<F: Future<Output = Result<reqwest::Response, OpenAIError>>> AndThenBody for F {}
