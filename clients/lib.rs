//! One line per client: how the clients that are too heavy for the main workspace are observed.
//! The tests beside this file run these lines against a server that replays.

#![allow(
    deprecated,
    reason = "gemini-rust calls `generateContent` so; its successor is another API"
)]

use std::convert::Infallible;

use async_anthropic::{
    errors::AnthropicError,
    types::{CreateMessagesRequest, CreateMessagesResponse, CreateMessagesResponseStream},
};
use aws_sdk_bedrockruntime::config::Builder;
use gemini_rust::{ClientError, ContentBuilder, GenerationResponse, GenerationStream};
use ollama_rs::{
    Ollama,
    error::OllamaError,
    generation::chat::{ChatMessageResponse, request::ChatMessageRequest},
};
use reqwest_middleware::ClientBuilder;
use rig_core::providers::openai::OpenAI;
use rig_reqwest::ReqwestMiddlewareClient;
use warmspan::{ModelCall, ObservedItems};

/// The AWS SDK for Bedrock: an interceptor in the configuration.
pub fn bedrock(config: Builder) -> aws_sdk_bedrockruntime::Client {
    let config = config.interceptor(warmspan::bedrock::interceptor());
    aws_sdk_bedrockruntime::Client::from_conf(config.build())
}

/// ollama-rs: around the call.
///
/// # Errors
///
/// Those of the client.
pub async fn ollama(
    client: &Ollama,
    request: ChatMessageRequest,
) -> Result<ChatMessageResponse, OllamaError> {
    let call = ModelCall::ollama_chat(&request);
    call.run(client.send_chat_messages(request)).await
}

/// ollama-rs: around the stream of a call.
///
/// # Errors
///
/// Those of the client.
pub async fn ollama_stream(
    client: &Ollama,
    request: ChatMessageRequest,
) -> Result<ObservedItems<ollama_rs::generation::chat::ChatMessageResponseStream>, OllamaError> {
    let call = ModelCall::ollama_chat(&request);
    call.open_stream(client.send_chat_messages_stream(request))
        .await
}

/// async-anthropic: around the call.
///
/// # Errors
///
/// Those of the client.
pub async fn anthropic(
    client: &async_anthropic::Client,
    request: CreateMessagesRequest,
) -> Result<CreateMessagesResponse, AnthropicError> {
    let call = ModelCall::anthropic(&request);
    call.run(client.messages().create(request)).await
}

/// async-anthropic: around the stream of a call.
pub async fn anthropic_stream(
    client: &async_anthropic::Client,
    request: CreateMessagesRequest,
) -> ObservedItems<CreateMessagesResponseStream> {
    let call = ModelCall::anthropic(&request);
    let opening = async { Ok::<_, Infallible>(client.messages().create_stream(request).await) };
    let Ok(items) = call.open_stream(opening).await;
    items
}

/// gemini-rust: around the call. The client knows the model, the request does not.
///
/// # Errors
///
/// Those of the client.
pub async fn gemini(
    model: &str,
    request: ContentBuilder,
) -> Result<GenerationResponse, ClientError> {
    let call = ModelCall::gemini(model, &request.clone().build());
    call.run(request.execute()).await
}

/// gemini-rust: around the stream of a call.
///
/// # Errors
///
/// Those of the client.
pub async fn gemini_stream(
    model: &str,
    request: ContentBuilder,
) -> Result<ObservedItems<GenerationStream>, ClientError> {
    let call = ModelCall::gemini(model, &request.clone().build());
    call.open_stream(request.execute_stream()).await
}

/// rig: a middleware below any of its providers.
pub fn rig(client: OpenAI, http: reqwest::Client) -> OpenAI {
    let http = ClientBuilder::new(http).with(warmspan::reqwest_middleware());
    client.with_http(ReqwestMiddlewareClient::from(http.build()))
}

/// genai (feature `otel`), and everything else that says `gen_ai.*` through `tracing`: a layer.
pub fn genai_spans() -> impl tracing::Subscriber {
    use tracing_subscriber::layer::SubscriberExt as _;
    tracing_subscriber::registry().with(warmspan::sdk().tracing_layer())
}
