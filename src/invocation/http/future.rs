//! A request until its response's head.

use std::{
    any::Any,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    thread,
};

use http::Response;
use http_body::Body;
use opentelemetry::Context;
use pin_project_lite::pin_project;

use super::TracedBody;
use crate::{
    invocation::{
        handler::{poll_flushed, poll_handler},
        scope::{Flushing, Scope},
    },
    observation::attributes,
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
        outcome: Option<thread::Result<Returned<R, E>>>,
        flushing: Option<Flushing>,
    }

    impl<F, R: Body, E> PinnedDrop for TraceFuture<F, R, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _attached = this.context.clone().attach();
            this.inner.set(None);
        }
    }
}

/// What calling the service gave.
pub(super) enum Handling<F> {
    Running(F),
    Panicked(Box<dyn Any + Send>),
}

type Returned<R, E> = Result<Response<TracedBody<R>>, E>;

impl<F, R: Body, E> TraceFuture<F, R, E> {
    pub(super) fn new(
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
            outcome,
            flushing: None,
        }
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
                Ok(response) => Ok(wrap(response, this.scope, *this.is_head)),
                Err(error) => {
                    if let Some(scope) = this.scope {
                        scope.failed(&error);
                    }
                    Err(error)
                }
            }));
        }
        if let Some(scope) = this.scope.take() {
            *this.flushing = scope.end().flush();
        }
        poll_flushed(this.flushing, this.outcome, cx)
    }
}

/// Hands the scope to the body, which ends it; a body that nobody will poll leaves it here.
fn wrap<R: Body>(
    response: Response<R>,
    scope: &mut Option<Scope>,
    is_head: bool,
) -> Response<TracedBody<R>> {
    let status = response.status();
    if let Some(scope) = scope {
        scope
            .root()
            .fact(attributes::HTTP_STATUS, i64::from(status.as_u16()));
        if status.is_server_error() {
            scope.failed(&format_args!("HTTP {}", status.as_u16()));
        }
    }
    let is_unread = is_head || response.body().is_end_stream();
    response.map(|body| TracedBody::new(body, if is_unread { None } else { scope.take() }))
}
