//! AWS Lambda, for functions on `lambda_runtime`.
//!
//! One line changes in `main`:
//!
//! ```no_run
//! use lambda_runtime::{Error, LambdaEvent, service_fn};
//! use serde_json::{Value, json};
//!
//! async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     Ok(json!({ "hello": event.payload["name"] }))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     warmspan::lambda::run(service_fn(handler)).await // instead of lambda_runtime::run
//! }
//! ```
//!
//! [`run`] is `Runtime::new(traced(handler))` with the layers of `lambda_runtime::run` and
//! [`FlushLayer`]. Who builds the `Runtime` uses [`traced`] directly; it works with
//! `lambda_runtime::run` and `run_concurrent` too.
//!
//! Each invocation becomes a trace: a root observation with the function's name, request id, ARN,
//! memory, cold or warm, initialisation type, tenant and time left; a preview of the request's body
//! (or of the whole payload, when it is not an HTTP request) and of the response's body. Headers,
//! cookies, query strings and the request context are never recorded. An `Err` or a panic makes it
//! an error; the handler's result, or panic, goes on unchanged.
//!
//! The response waits for the flush, at most `LANGFUSE_TIMEOUT` (2 s) and never past the
//! invocation's deadline. With `WARMSPAN_FLUSH=after-response` it does not wait at all; see
//! [`FlushLayer`].

mod error;
mod flush_layer;
mod future;
mod payload;
mod run;
mod stream;
mod traced;

pub use error::TracedError;
pub use flush_layer::{FlushFuture, FlushLayer, FlushService};
pub use future::TracedFuture;
pub use payload::Payload;
pub use run::run;
pub use stream::TracedStream;
pub use traced::{Traced, traced};
#[cfg(feature = "lambda-http")]
pub(crate) use traced::{deadline, describe_invocation};
