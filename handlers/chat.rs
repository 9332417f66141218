//! The function of the examples: answers a question with a language model. It knows no platform;
//! `lambda.rs` is its main on AWS Lambda, `vercel.rs` on Vercel, `cloud_run.rs` on Cloud Run and Azure.

use futures_util::{Stream, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use warmspan::{
    Level, observe,
    openai::{
        self,
        async_openai::{
            error::OpenAIError,
            types::{
                chat::{
                    ChatCompletionRequestUserMessageArgs, ChatCompletionStreamOptions,
                    CreateChatCompletionRequestArgs,
                },
                responses::CreateResponseArgs,
            },
        },
    },
};

/// What a caller asks.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Question {
    /// The question itself.
    pub question: String,
    /// Whether the model streams its answer.
    #[serde(default)]
    pub stream: bool,
}

/// Answers one question.
///
/// # Errors
///
/// The model could not be asked, or did not answer.
#[observe(as_type = "chain")] // input, output, errors and nesting are recorded
pub async fn answer(question: Question, model: &str) -> Result<String, OpenAIError> {
    if question.stream {
        pieces(&question.question, model).await?.try_collect().await
    } else {
        ask(&question.question, model).await
    }
}

/// Answers one question in the pieces in which the model writes.
///
/// # Errors
///
/// The model could not be asked, or broke off.
#[observe(name = "answer", as_type = "chain")] // ends with the stream
pub async fn answer_in_pieces(
    question: Question,
    model: String,
) -> Result<impl Stream<Item = Result<String, OpenAIError>> + Send + use<>, OpenAIError> {
    pieces(&question.question, &model).await
}

/// The responses API, in one piece. The call becomes a generation by itself.
async fn ask(question: &str, model: &str) -> Result<String, OpenAIError> {
    let request = CreateResponseArgs::default()
        .model(model)
        .instructions("Answer in one sentence.")
        .input(question)
        .build()?;
    let response = openai::client().responses().create(request).await?;
    Ok(response.output_text().unwrap_or_default())
}

/// Chat completions, as a stream. The generation ends when the stream does.
async fn pieces(
    question: &str,
    model: &str,
) -> Result<impl Stream<Item = Result<String, OpenAIError>> + Send + use<>, OpenAIError> {
    let message = ChatCompletionRequestUserMessageArgs::default()
        .content(question)
        .build()?;
    let request = CreateChatCompletionRequestArgs::default()
        .model(model)
        .messages([message.into()])
        .stream_options(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        })
        .build()?;
    let stream = openai::client().chat().create_stream(request).await?;
    Ok(stream.map_ok(|chunk| {
        let deltas = chunk.choices.into_iter();
        deltas.filter_map(|choice| choice.delta.content).collect()
    }))
}

/// The model to ask: `OPENAI_MODEL`, or a small one.
pub fn model() -> String {
    std::env::var("OPENAI_MODEL")
        .ok()
        .filter(|model| !model.is_empty())
        .unwrap_or_else(|| "gpt-5-mini".to_owned())
}

/// Notes on the root observation that the caller asked for nothing.
pub fn nothing_asked() {
    if let Some(root) = warmspan::Observation::current() {
        root.level(Level::Warning)
            .status_message("no question in the body");
    }
}
