//! Vercel, for functions on `vercel_runtime` 2.4. (Vercel calls its Rust runtime beta.)
//!
//! One line changes in `main`:
//!
//! ```no_run
//! use serde_json::{Value, json};
//! use vercel_runtime::{Error, Request, service_fn};
//!
//! async fn handler(_: Request) -> Result<Value, Error> {
//!     Ok(json!({ "answer": 42 }))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     warmspan::vercel::run(service_fn(handler)).await // instead of vercel_runtime::run
//! }
//! ```
//!
//! [`run`] is `vercel_runtime::run(traced(service))` and a last flush. Who needs the service uses
//! [`traced`]; then [`Traced::run`], or [`Sdk::shutdown`](crate::Sdk::shutdown) after the runtime's
//! own, sees to what an earlier flush could not send.
//!
//! Each request becomes a trace: a root observation with method, status, cold or warm, and on
//! Vercel the request's id, the region and the deployment; a preview of the response's body as it
//! flows by. The environment is `VERCEL_ENV` and the release `VERCEL_GIT_COMMIT_SHA`, where
//! nothing else says them. Other headers, cookies, query strings and paths are never recorded, nor
//! is the request's body, which only the handler reads.
//!
//! A handler's `Err`, which the runtime turns into a response with status 500, is an error of the
//! root with its message; [`observed`] adds what it was caused by. `AppState` reaches the handler
//! as it came.
//!
//! # The flush
//!
//! The last piece of the response waits for the flush, at most `LANGFUSE_TIMEOUT` (2 s). With
//! `WARMSPAN_FLUSH=after-response` it does not wait. In both cases the runtime tells Vercel that
//! the request has ended only after the flush, also where the body is streamed long after the
//! response's head: the wait is registered with `AppState::wait_until` when the request comes in.
//! So a process that is asked to stop finishes its open requests and their flushes first. What a
//! flush could not send waits for the next one; [`run`] tries it once more before the process ends.
//!
//! # An axum application
//!
//! Goes outside of `vercel_runtime`'s own layer, which keeps `AppState` to itself:
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use tower::Layer as _;
//! use vercel_runtime::{Error, axum::VercelLayer};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     let app = Router::new().route("/api/answer", get(|| async { "42" }));
//!     warmspan::vercel::run(VercelLayer::new().layer(app)).await
//! }
//! ```
//!
//! That layer polls streamed bodies in a task of its own. What such a body observes belongs to the
//! request where the stream was made by a function with `#[observe]`, or enters
//! [`in_current_observation`](crate::ObserveFuture::in_current_observation).

mod future;
mod observed;
mod request;
mod run;
mod traced;

pub use future::TracedFuture;
pub use observed::{ObservedFuture, observed};
pub use run::{LAST_FLUSH, run};
pub use traced::{Traced, traced};
