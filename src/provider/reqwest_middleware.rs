//! A middleware for clients of `reqwest-middleware`, whatever provider they call.
//!
//! ```
//! use reqwest_middleware::ClientBuilder;
//!
//! fn instrumented(client: reqwest::Client) -> reqwest_middleware::ClientWithMiddleware {
//!     ClientBuilder::new(client).with(warmspan::reqwest_middleware()).build()
//! }
//! ```
//!
//! Requests to the model APIs of OpenAI, Anthropic, Google, Bedrock, Ollama and everybody who
//! speaks their protocols become generations; all others pass untouched. Put it before a
//! middleware that tries again, so that a call is one observation. To count the attempts, put it
//! there and once more after it.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
};

use ::reqwest_middleware::{Error, Middleware, Next, Result};
use async_trait::async_trait;
use http::Extensions;
use reqwest::{Body, Request, Response};

use super::{
    failure::Failure,
    observed_call::ObservedCall,
    origin::{Origin, observed_once},
    over_reqwest,
};

/// The middleware. See the module [`reqwest_middleware`](mod@crate::reqwest_middleware).
pub fn reqwest_middleware() -> ObserveMiddleware {
    ObserveMiddleware::default()
}

/// Observes the model calls of a client. Made by
/// [`reqwest_middleware()`](crate::reqwest_middleware()).
#[derive(Clone, Copy, Debug, Default)]
pub struct ObserveMiddleware {
    includes_usage: bool,
}

impl ObserveMiddleware {
    /// Asks OpenAI's streamed chats for their token counts: sets `stream_options.include_usage` in
    /// requests that say nothing of it. This changes what is sent, and adds a chunk without
    /// choices to what comes back.
    #[must_use]
    pub fn include_usage(mut self) -> Self {
        self.includes_usage = true;
        self
    }
}

/// The attempts of a call that a middleware further out observes.
#[derive(Clone, Debug)]
struct Attempts(Arc<AtomicU32>);

#[async_trait]
impl Middleware for ObserveMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        if let Some(Attempts(attempts)) = extensions.get() {
            attempts.fetch_add(1, Ordering::Relaxed);
            return next.run(request, extensions).await;
        }
        if self.includes_usage {
            over_reqwest::include_usage(&mut request);
        }
        let Some(call) = begin(&request) else {
            return next.run(request, extensions).await;
        };
        let attempts = Attempts(Arc::default());
        extensions.insert(attempts.clone());
        // The body is shared, not copied.
        let unread = request.try_clone();
        let result = {
            let mut sending = pin!(observed_once(next.run(request, extensions)));
            let first = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await;
            if first.is_pending() {
                yield_once().await;
            }
            let body = unread.as_ref().and_then(Request::body);
            call.request(body.and_then(Body::as_bytes).unwrap_or_default());
            match first {
                Poll::Ready(result) => result,
                Poll::Pending => sending.await,
            }
        };
        extensions.remove::<Attempts>();
        for _ in 0..attempts.0.load(Ordering::Relaxed).max(1) {
            call.attempt();
        }
        match result {
            Ok(response) => Ok(over_reqwest::observe(response, call)),
            Err(error) => {
                let (failure, status) = failure_of(&error);
                call.fail(failure, status);
                Err(error)
            }
        }
    }
}

/// Lets other tasks run: the connection's has something to send now. The request is read while the
/// provider works on it, not before.
async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn begin(request: &Request) -> Option<ObservedCall> {
    let endpoint = over_reqwest::recognise(request)?;
    ObservedCall::start(&Origin::current()?, endpoint)
}

fn failure_of(error: &Error) -> (Failure, Option<u16>) {
    match error {
        Error::Reqwest(error) => (
            over_reqwest::transport(error),
            error.status().map(|status| status.as_u16()),
        ),
        Error::Middleware(error) => (Failure::new("_OTHER", &error.to_string()), None),
    }
}
