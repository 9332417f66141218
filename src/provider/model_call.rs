//! Calls of clients that accept no layer: their requests and responses have the provider's shape,
//! so the same engine reads them.

use std::{
    fmt::Display,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Stream, TryStream};
use pin_project_lite::pin_project;
use serde::Serialize;

use super::{
    call::Ended,
    endpoint::{Api, Endpoint},
    failure::Failure,
    observed_call::ObservedCall,
    origin::{Origin, enter_observed, observed_once},
};

/// A model call of a client that accepts no layer, middleware or interceptor.
///
/// It begins where it is made, with what the request says; [`run`](Self::run) or
/// [`open_stream`](Self::open_stream) adds what comes back. Request, response and events need nothing but
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
#[must_use = "the call is not made until `run`, `open_stream` or `stream`"]
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

    /// Says whose model it is, where the provider is not the one whose protocol is spoken. In the
    /// [vocabulary of OpenTelemetry][1] if it has a word: `groq`, `mistral_ai`, `deepseek`, `x_ai`.
    ///
    /// ```
    /// # async fn call() -> Result<serde_json::Value, std::io::Error> { Ok(serde_json::Value::Null) }
    /// # async fn example() -> Result<(), std::io::Error> {
    /// let request = serde_json::json!({ "model": "llama-3.3-70b-versatile", "messages": [] });
    /// let observed = warmspan::ModelCall::openai_chat(&request).provider("groq");
    /// let answer = observed.run(call()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [1]: https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/#gen-ai-provider-name
    pub fn provider(self, name: impl Into<String>) -> Self {
        if let Some(call) = &self.0 {
            call.provider(name.into());
        }
        self
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

    /// Opens a stream and hands on its items, unchanged and at the same time. The call ends with the
    /// stream, when the stream is dropped, or if it could not be opened.
    ///
    /// ```
    /// # use futures_util::{Stream, stream};
    /// # use serde_json::Value;
    /// # use std::io::Error;
    /// # async fn open(_: &Value) -> Result<impl Stream<Item = Result<Value, Error>>, Error> {
    /// #     Ok(stream::empty())
    /// # }
    /// # async fn example() -> Result<(), Error> {
    /// let request = serde_json::json!({ "model": "llama3", "messages": [], "stream": true });
    /// let call = warmspan::ModelCall::ollama_chat(&request);
    /// let items = call.open_stream(open(&request)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of opening it.
    pub async fn open_stream<S, E, Kind>(
        self,
        opening: impl Future<Output = Result<S, E>>,
    ) -> Result<ObservedItems<S>, E>
    where
        S: TryStream<Ok: Serialize, Error: ItemError<Kind>>,
        E: Display,
    {
        let Some(observed) = &self.0 else {
            return opening.await.map(|items| self.stream(items));
        };
        match observed_once(opening).await {
            Ok(items) => Ok(self.stream(items)),
            Err(error) => {
                observed.fail(Failure::new("_OTHER", &error.to_string()), None);
                Err(error)
            }
        }
    }

    /// Hands on the items of a stream that is open already; otherwise
    /// [`open_stream`](Self::open_stream) sees as well what fails before the first item. The call
    /// ends with the stream, or when the stream is dropped.
    ///
    /// ```
    /// # fn events() -> impl futures_util::Stream<Item = Result<serde_json::Value, std::io::Error>> {
    /// #     futures_util::stream::empty()
    /// # }
    /// let request = serde_json::json!({ "model": "llama3", "messages": [], "stream": true });
    /// let observed = warmspan::ModelCall::ollama_chat(&request).stream(events());
    /// ```
    pub fn stream<S, Kind>(self, items: S) -> ObservedItems<S>
    where
        S: TryStream<Ok: Serialize, Error: ItemError<Kind>>,
    {
        ObservedItems {
            items,
            call: self.0,
            message: ItemError::message,
        }
    }
}

/// What a stream says that failed: in its own words if it has any. `Kind` is inferred.
///
/// Some clients tell nothing of an error, and it is `()`.
pub trait ItemError<Kind> {
    /// What to record of the error.
    fn message(&self) -> String;
}

/// Errors that can be shown.
#[derive(Debug)]
pub enum Shown {}

/// Errors that say nothing.
#[derive(Debug)]
pub enum Silent {}

impl<E: Display> ItemError<Shown> for E {
    fn message(&self) -> String {
        self.to_string()
    }
}

impl ItemError<Silent> for () {
    fn message(&self) -> String {
        "the stream failed".to_owned()
    }
}

pin_project! {
    /// The items of an observed stream. Made by [`ModelCall::stream`] and
    /// [`ModelCall::open_stream`].
    #[derive(Debug)]
    pub struct ObservedItems<S>
    where
        S: TryStream,
    {
        #[pin]
        items: S,
        call: Option<ObservedCall>,
        message: fn(&S::Error) -> String,
    }
}

impl<S, T, E> Stream for ObservedItems<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Serialize,
{
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let Some(call) = this.call else {
            return this.items.poll_next(cx);
        };
        let polled = {
            let _observed = enter_observed();
            this.items.poll_next(cx)
        };
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => call.end(Ended::Eof),
            Poll::Ready(Some(Ok(item))) => {
                if let Ok(item) = serde_json::to_string(item) {
                    call.item(&item);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                call.fail(Failure::new("_OTHER", &(this.message)(error)), None);
            }
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}
