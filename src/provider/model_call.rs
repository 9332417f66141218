//! Calls of clients that accept no layer: their requests and responses have the provider's shape,
//! so the same engine reads them.

use std::{
    fmt::{Debug, Display},
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::Stream;
use pin_project_lite::pin_project;
use serde::Serialize;

use super::{
    call::Ended,
    endpoint::{Api, Endpoint},
    failure::Failure,
    observed_call::ObservedCall,
    origin::{Origin, observed_once},
};

/// A model call of a client that accepts no layer, middleware or interceptor.
///
/// It begins where it is made, with what the request says; [`run`](Self::run) or
/// [`stream`](Self::stream) adds what comes back. Request, response and events need nothing but
/// `Serialize` in the provider's own shape, which the types of most clients are in.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::io::Error> {
/// # use serde_json::{json, Value};
/// # async fn send(request: Value) -> Result<Value, std::io::Error> { Ok(json!({})) }
/// use warmspan::ModelCall;
///
/// let request = json!({ "model": "llama3", "messages": [{ "role": "user", "content": "Hi" }] });
/// let answer = ModelCall::ollama_chat(&request).run(send(request)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the call is not made until `run` or `stream`"]
pub struct ModelCall(Option<ObservedCall>);

impl ModelCall {
    /// A chat completion of OpenAI's, or of a provider that speaks its protocol.
    ///
    /// ```
    /// # async fn call() -> Result<serde_json::Value, std::io::Error> { Ok(serde_json::Value::Null) }
    /// # async fn example() -> Result<(), std::io::Error> {
    /// let request = serde_json::json!({ "model": "gpt-5-mini", "messages": [] });
    /// let answer = warmspan::ModelCall::openai_chat(&request).run(call()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn openai_chat<R: Serialize + ?Sized>(request: &R) -> Self {
        Self::new(Api::Chat, None, request)
    }

    /// A response of OpenAI's Responses API.
    ///
    /// ```
    /// # async fn call() -> Result<serde_json::Value, std::io::Error> { Ok(serde_json::Value::Null) }
    /// # async fn example() -> Result<(), std::io::Error> {
    /// let request = serde_json::json!({ "model": "gpt-5-mini", "input": "Hi" });
    /// let answer = warmspan::ModelCall::openai_response(&request).run(call()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn openai_response<R: Serialize + ?Sized>(request: &R) -> Self {
        Self::new(Api::Responses, None, request)
    }

    /// Embeddings of OpenAI's, or of a provider that speaks its protocol.
    ///
    /// ```
    /// # async fn call() -> Result<serde_json::Value, std::io::Error> { Ok(serde_json::Value::Null) }
    /// # async fn example() -> Result<(), std::io::Error> {
    /// let request = serde_json::json!({ "model": "text-embedding-3-small", "input": ["Hi"] });
    /// let answer = warmspan::ModelCall::openai_embeddings(&request).run(call()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn openai_embeddings<R: Serialize + ?Sized>(request: &R) -> Self {
        Self::new(Api::Embeddings, None, request)
    }

    /// A message of Anthropic's.
    ///
    /// ```
    /// # async fn call() -> Result<serde_json::Value, std::io::Error> { Ok(serde_json::Value::Null) }
    /// # async fn example() -> Result<(), std::io::Error> {
    /// let request = serde_json::json!({ "model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [] });
    /// let answer = warmspan::ModelCall::anthropic(&request).run(call()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn anthropic<R: Serialize + ?Sized>(request: &R) -> Self {
        Self::new(Api::AnthropicMessages, None, request)
    }

    /// Content that a Gemini model generates.
    ///
    /// ```
    /// # async fn call() -> Result<serde_json::Value, std::io::Error> { Ok(serde_json::Value::Null) }
    /// # async fn example() -> Result<(), std::io::Error> {
    /// let request = serde_json::json!({ "contents": [] });
    /// let answer = warmspan::ModelCall::gemini("gemini-2.5-flash", &request).run(call()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn gemini<R: Serialize + ?Sized>(model: impl Into<String>, request: &R) -> Self {
        Self::new(Api::GeminiGenerate, Some(model.into()), request)
    }

    /// Embeddings of a Gemini model.
    ///
    /// ```
    /// # async fn call() -> Result<serde_json::Value, std::io::Error> { Ok(serde_json::Value::Null) }
    /// # async fn example() -> Result<(), std::io::Error> {
    /// let request = serde_json::json!({ "content": { "parts": [] } });
    /// let answer = warmspan::ModelCall::gemini_embeddings("gemini-embedding-001", &request).run(call()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn gemini_embeddings<R: Serialize + ?Sized>(model: impl Into<String>, request: &R) -> Self {
        Self::new(Api::GeminiEmbed, Some(model.into()), request)
    }

    /// A chat of Ollama's.
    ///
    /// ```
    /// # async fn call() -> Result<serde_json::Value, std::io::Error> { Ok(serde_json::Value::Null) }
    /// # async fn example() -> Result<(), std::io::Error> {
    /// let request = serde_json::json!({ "model": "llama3", "messages": [] });
    /// let answer = warmspan::ModelCall::ollama_chat(&request).run(call()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ollama_chat<R: Serialize + ?Sized>(request: &R) -> Self {
        Self::new(Api::OllamaChat, None, request)
    }

    /// A completion of Ollama's.
    ///
    /// ```
    /// # async fn call() -> Result<serde_json::Value, std::io::Error> { Ok(serde_json::Value::Null) }
    /// # async fn example() -> Result<(), std::io::Error> {
    /// let request = serde_json::json!({ "model": "llama3", "prompt": "Hi" });
    /// let answer = warmspan::ModelCall::ollama_generate(&request).run(call()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ollama_generate<R: Serialize + ?Sized>(request: &R) -> Self {
        Self::new(Api::OllamaGenerate, None, request)
    }

    /// Embeddings of Ollama's.
    ///
    /// ```
    /// # async fn call() -> Result<serde_json::Value, std::io::Error> { Ok(serde_json::Value::Null) }
    /// # async fn example() -> Result<(), std::io::Error> {
    /// let request = serde_json::json!({ "model": "all-minilm", "input": "Hi" });
    /// let answer = warmspan::ModelCall::ollama_embeddings(&request).run(call()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ollama_embeddings<R: Serialize + ?Sized>(request: &R) -> Self {
        Self::new(Api::OllamaEmbed, None, request)
    }

    fn new<R: Serialize + ?Sized>(api: Api, model: Option<String>, request: &R) -> Self {
        let endpoint = Endpoint::of(api, model);
        let call = Origin::current().and_then(|origin| ObservedCall::start(&origin, endpoint));
        if let Some(call) = &call {
            call.attempt();
            if let Ok(request) = serde_json::to_vec(request) {
                call.request(&request);
            }
        }
        Self(call)
    }

    /// Makes the call, whose response comes as a whole, and returns its result unchanged.
    ///
    /// # Errors
    ///
    /// Those of the call.
    pub async fn run<T: Serialize, E: Display>(
        self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(observed) = self.0 else {
            return call.await;
        };
        let result = observed_once(call).await;
        match &result {
            Ok(response) => {
                if let Ok(response) = serde_json::to_vec(response) {
                    observed.document(&response);
                }
                observed.end(Ended::Eof);
            }
            Err(error) => observed.fail(Failure::new("_OTHER", &error.to_string()), None),
        }
        result
    }

    /// Hands on the items of a stream, unchanged and at the same time. The call ends with the stream,
    /// or when the stream is dropped.
    ///
    /// ```
    /// # fn events() -> impl futures_util::Stream<Item = Result<serde_json::Value, std::io::Error>> {
    /// #     futures_util::stream::empty()
    /// # }
    /// let request = serde_json::json!({ "model": "llama3", "messages": [], "stream": true });
    /// let observed = warmspan::ModelCall::ollama_chat(&request).stream(events());
    /// ```
    pub fn stream<S, T, E>(self, items: S) -> ObservedItems<S>
    where
        S: Stream<Item = Result<T, E>>,
        T: Serialize,
        E: Debug,
    {
        ObservedItems {
            items,
            call: self.0,
        }
    }
}

pin_project! {
    /// A stream whose items a call observes. Made by [`ModelCall::stream`].
    #[derive(Debug)]
    pub struct ObservedItems<S> {
        #[pin]
        items: S,
        call: Option<ObservedCall>,
    }
}

impl<S, T, E> Stream for ObservedItems<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Serialize,
    E: Debug,
{
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let polled = this.items.poll_next(cx);
        if let (Some(call), Poll::Ready(item)) = (this.call, &polled) {
            match item {
                None => call.end(Ended::Eof),
                Some(Ok(item)) => {
                    if let Ok(item) = serde_json::to_string(item) {
                        call.item(&item);
                    }
                }
                Some(Err(error)) => call.fail(Failure::new("_OTHER", &format!("{error:?}")), None),
            }
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}
