//! A request until its response's head.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
};

use http::Response;
use http_body_util::BodyExt as _;
use pin_project_lite::pin_project;
use vercel_runtime::ResponseBody;

use crate::invocation::http::TraceFuture;

pin_project! {
    /// The future of [`Traced`](super::Traced).
    pub struct TracedFuture<F, E> {
        #[pin]
        kind: Kind<F, E>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<F, E> {
        Traced {
            #[pin]
            future: TraceFuture<F, ResponseBody, E>,
        },
        Untraced {
            #[pin]
            future: F,
        },
    }
}

impl<F, E> TracedFuture<F, E> {
    pub(super) fn traced(future: TraceFuture<F, ResponseBody, E>) -> Self {
        let future = future.explained_by(error_of_the_runtime);
        let kind = Kind::Traced { future };
        Self { kind }
    }

    pub(super) fn untraced(future: F) -> Self {
        let kind = Kind::Untraced { future };
        Self { kind }
    }
}

impl<F, E> Future for TracedFuture<F, E>
where
    F: Future<Output = Result<Response<ResponseBody>, E>>,
    E: fmt::Display,
{
    type Output = Result<Response<ResponseBody>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::Traced { future } => {
                let returned = ready!(future.poll(cx));
                Poll::Ready(
                    returned.map(|response| response.map(|body| ResponseBody(body.boxed()))),
                )
            }
            KindProjection::Untraced { future } => future.poll(cx),
        }
    }
}

impl<F, E> fmt::Debug for TracedFuture<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedFuture").finish_non_exhaustive()
    }
}

/// The message of a handler's error, out of the body that `vercel_runtime` 2.4 makes of it. It is
/// written between quotes as it is, whatever is in it.
fn error_of_the_runtime(body: &[u8]) -> Option<String> {
    let message = body
        .strip_prefix(br#"{"error": ""#)?
        .strip_suffix(br#""}"#)?;
    Some(String::from_utf8_lossy(message).into_owned())
}

#[cfg(test)]
mod tests {
    use super::error_of_the_runtime as error;

    #[test]
    fn the_message_is_what_stands_between_the_quotes() {
        assert_eq!(
            error(br#"{"error": "no "kettle" here"}"#).as_deref(),
            Some(r#"no "kettle" here"#)
        );
        assert_eq!(error(br#"{"error": ""}"#).as_deref(), Some(""));
    }

    #[test]
    fn any_other_body_is_no_error_of_the_runtime() {
        for body in [
            &br#"{"error": "#[..],
            br#"{"error": ""#,
            br#"{"error":"compact"}"#,
            b"",
            b"no",
        ] {
            assert_eq!(error(body), None);
        }
    }
}
