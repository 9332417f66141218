//! One line per client: how the clients that are too heavy for the main workspace are observed.
//! The tests beside this file run these lines against a server that replays.

use aws_sdk_bedrockruntime::config::Builder;
use ollama_rs::{
    Ollama,
    error::OllamaError,
    generation::chat::{ChatMessageResponse, request::ChatMessageRequest},
};
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
    let stream = client.send_chat_messages_stream(request).await?;
    Ok(call.stream(stream))
}
