//! The one line of `main`.

use std::time::Duration;

use tower_service::Service;
use vercel_runtime::{AppState, Error, Request, Response, ResponseBody};

use super::{Traced, traced};
use crate::diagnostics;

/// How long the last flush of [`run`] may take: 400 milliseconds. Vercel leaves functions in Node.js
/// and Python 500 after SIGTERM ("Vercel Functions now support graceful shutdown", its changelog),
/// and does not say how many it leaves those in Rust.
pub const LAST_FLUSH: Duration = Duration::from_millis(400);

/// Runs a function with tracing: use it in place of `vercel_runtime::run`.
///
/// ```no_run
/// use serde_json::{Value, json};
/// use vercel_runtime::{Error, Request, service_fn};
///
/// async fn handler(_: Request) -> Result<Value, Error> {
///     Ok(json!({ "answer": 42 }))
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     warmspan::vercel::run(service_fn(handler)).await
/// }
/// ```
///
/// It is `vercel_runtime::run(traced(service))`, and when that has come to its end, at SIGTERM, the
/// shutdown of the process's SDK, [`warmspan::sdk`](crate::sdk): what an earlier flush could not send
/// is tried again for [`LAST_FLUSH`], and what is still not sent then is counted as lost and warned
/// of. The service must not be [`traced`] already, or each request becomes two observations.
///
/// # Errors
///
/// Those of `vercel_runtime::run`: it cannot listen.
pub async fn run<S>(service: S) -> Result<(), Error>
where
    S: Service<(AppState, Request), Response = Response<ResponseBody>, Error = Error>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    traced(service).run().await
}

impl<S> Traced<S> {
    /// The same as [`run`], with this service's own SDK.
    ///
    /// ```no_run
    /// # use vercel_runtime::{Error, Request, service_fn};
    /// # async fn handler(_: Request) -> Result<&'static str, Error> { Ok("an answer") }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Error> {
    /// use warmspan::{Config, Sdk, vercel::Traced};
    ///
    /// let sdk = Sdk::new(Config::new().service_name("chat"));
    /// Traced::new(service_fn(handler), sdk).run().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`].
    pub async fn run(self) -> Result<(), Error>
    where
        S: Service<(AppState, Request), Response = Response<ResponseBody>, Error = Error>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
    {
        let sdk = self.sdk().clone();
        let ended = vercel_runtime::run(self).await;
        // Warns of what it has to give up.
        let report = sdk.shutdown(LAST_FLUSH).await;
        diagnostics::debug(
            sdk.settings().debug,
            format_args!("the last flush: {report}"),
        );
        ended
    }
}
