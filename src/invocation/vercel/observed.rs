//! A handler whose errors are seen as they are.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
};

use pin_project_lite::pin_project;
use vercel_runtime::{AppState, Error, Request};

use crate::Observation;

/// Records a handler's own `Err` on the root observation, causes included.
///
/// [`traced`](super::traced) alone sees the response that the runtime makes of an error, which
/// holds its message and not what it was caused by. Outside of `traced` nothing is recorded.
///
/// ```no_run
/// use vercel_runtime::{AppState, Error, Request, service_fn};
/// use warmspan::vercel::{observed, run};
///
/// async fn handler(_: Request, _: AppState) -> Result<String, Error> {
///     Ok(std::fs::read_to_string("prompt.txt")?)
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     run(service_fn(observed(handler))).await
/// }
/// ```
pub fn observed<H, F, T>(
    handler: H,
) -> impl Fn(Request, AppState) -> ObservedFuture<F> + Clone + Send + 'static
where
    H: Fn(Request, AppState) -> F + Clone + Send + 'static,
    F: Future<Output = Result<T, Error>>,
{
    move |request, state| ObservedFuture {
        handling: handler(request, state),
    }
}

pin_project! {
    /// The future of a handler that is [`observed`].
    pub struct ObservedFuture<F> {
        #[pin]
        handling: F,
    }
}

impl<F, T> Future for ObservedFuture<F>
where
    F: Future<Output = Result<T, Error>>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let returned = ready!(self.project().handling.poll(cx));
        if let (Err(error), Some(root)) = (&returned, Observation::current()) {
            root.error(&Causes(error));
        }
        Poll::Ready(returned)
    }
}

impl<F> fmt::Debug for ObservedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedFuture").finish_non_exhaustive()
    }
}

/// An error may name itself as its cause.
const MOST_CAUSES: usize = 16;

/// An error and what it was caused by, in one line.
struct Causes<'a>(&'a Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let causes = std::iter::successors(self.0.source(), |cause| cause.source());
        for cause in causes.take(MOST_CAUSES) {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}
