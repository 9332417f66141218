//! The one line of `main`.

use std::fmt;

use bytes::Bytes;
use futures_util::Stream;
use lambda_runtime::{
    Diagnostic, Error, IntoFunctionResponse, LambdaEvent, Runtime, layers::TracingLayer,
};
use serde::{Serialize, de::DeserializeOwned};
use tower_service::Service;

use super::{FlushLayer, traced};

/// Runs a function with tracing: use it in place of `lambda_runtime::run`.
///
/// ```no_run
/// use lambda_runtime::{Error, LambdaEvent, service_fn};
/// use serde_json::Value;
///
/// async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
///     Ok(event.payload)
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     warmspan::lambda::run(service_fn(handler)).await
/// }
/// ```
///
/// # Errors
///
/// Those of `lambda_runtime::run`: the Runtime API cannot be reached.
///
/// # Panics
///
/// Like `lambda_runtime::run`, outside of Lambda, when `AWS_LAMBDA_FUNCTION_NAME` and the other
/// variables of the runtime are missing; `cargo lambda watch` sets them.
pub async fn run<H, A, B, S, D, E>(handler: H) -> Result<(), Error>
where
    H: Service<LambdaEvent<A>>,
    H::Response: IntoFunctionResponse<B, S>,
    H::Error: Into<Diagnostic> + fmt::Debug,
    A: DeserializeOwned,
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    E: Into<Error> + Send + fmt::Debug,
{
    Runtime::new(traced(handler))
        .layer(FlushLayer::new())
        .layer(TracingLayer::new())
        .run()
        .await
}
