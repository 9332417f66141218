//! A request until its response's head.

use std::{
    any::Any,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    thread,
};

use http::{Response, StatusCode, header::CONTENT_LENGTH};
use http_body::Body;
use opentelemetry::Context;
use pin_project_lite::pin_project;

use super::{TracedBody, body::Explain};
use crate::invocation::{
    handler::{poll_flushed, poll_handler},
    scope::{Flushing, Scope, finish_flush},
};

pin_project! {
    /// The future of [`TraceService`](super::TraceService).
    pub struct TraceFuture<F, R, E> where R: Body {
        // Empty once done, so that what it holds is dropped before the root ends.
        #[pin]
        inner: Option<F>,
        context: Context,
        scope: Option<Scope>,
        is_head: bool,
        explain: Option<Explain>,
        outcome: Option<thread::Result<Returned<R, E>>>,
        flushing: Option<Flushing>,
    }

    impl<F, R: Body, E> PinnedDrop for TraceFuture<F, R, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _attached = this.context.clone().attach();
            this.inner.set(None);
            // The client went away, or a time limit outside of the layer passed.
            let flushing = match this.scope.take() {
                Some(scope) => scope.cancelled(),
                None => this.flushing.take(),
            };
            finish_flush(flushing);
        }
    }
}

/// What calling the service gave.
pub(crate) enum Handling<F> {
    Running(F),
    Panicked(Box<dyn Any + Send>),
}

type Returned<R, E> = Result<Response<TracedBody<R>>, E>;

impl<F, R: Body, E> TraceFuture<F, R, E> {
    pub(crate) fn new(
        handling: Handling<F>,
        scope: Option<Scope>,
        context: Context,
        is_head: bool,
    ) -> Self {
        let (inner, outcome) = match handling {
            Handling::Running(future) => (Some(future), None),
            Handling::Panicked(panic) => {
                if let Some(scope) = &scope {
                    scope.panicked(panic.as_ref());
                }
                (None, Some(Err(panic)))
            }
        };
        Self {
            inner,
            context,
            scope,
            is_head,
            explain: None,
            outcome,
            flushing: None,
        }
    }

    /// Where the platform writes what went wrong into the body of a response with status 500.
    #[cfg(feature = "vercel")]
    pub(crate) fn explained_by(mut self, explain: Explain) -> Self {
        self.explain = Some(explain);
        self
    }
}

impl<F, R, E> Future for TraceFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
    E: fmt::Display,
{
    type Output = Result<Response<TracedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.inner.is_some() {
            if this.scope.as_ref().is_some_and(|s| s.is_interrupted(cx)) {
                let attached = this.context.clone().attach();
                this.inner.set(None);
                drop(attached);
                if let Some(scope) = this.scope.take() {
                    scope.interrupted();
                }
                // There is no response to give, and the process ends.
                return Poll::Pending;
            }
            let returned = ready!(poll_handler(
                this.inner.as_mut(),
                this.context,
                this.scope.as_ref(),
                cx
            ));
            *this.outcome = Some(returned.map(|returned| match returned {
                Ok(response) => Ok(wrap(response, this.scope, *this.is_head, *this.explain)),
                Err(error) => {
                    if let Some(scope) = this.scope {
                        scope.failed(&error);
                    }
                    Err(error)
                }
            }));
        }
        if let Some(scope) = this.scope.take() {
            *this.flushing = scope.end().flush_with_response();
        }
        poll_flushed(this.flushing, this.outcome, cx)
    }
}

/// Hands the scope to the body, which ends it; a body that nobody will poll leaves it here.
fn wrap<R: Body>(
    response: Response<R>,
    scope: &mut Option<Scope>,
    is_head: bool,
    explain: Option<Explain>,
) -> Response<TracedBody<R>> {
    let status = response.status();
    let is_explained = status == StatusCode::INTERNAL_SERVER_ERROR
        && scope
            .as_ref()
            .is_some_and(|scope| !scope.root().has_failed());
    if let Some(scope) = scope {
        scope.answered(status.as_u16());
    }
    let length = response.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    // Servers do not even ask for the frames of such bodies.
    let has_no_body = status.is_informational()
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
        || length == Some(0);
    let is_unread = is_head || has_no_body || response.body().is_end_stream();
    response.map(|body| {
        let scope = if is_unread { None } else { scope.take() };
        TracedBody::new(body, scope, length, explain.filter(|_| is_explained))
    })
}
