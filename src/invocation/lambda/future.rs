//! An invocation while its handler runs, and while its flush does.

use std::{
    any::Any,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    thread,
};

use bytes::Bytes;
use futures_util::Stream;
use lambda_runtime::{Diagnostic, Error, FunctionResponse, IntoFunctionResponse, StreamResponse};
use opentelemetry::Context;
use pin_project_lite::pin_project;
use serde::Serialize;

use super::{TracedError, TracedStream, flush_layer};
use crate::{
    Content, FlushPoint, diagnostics,
    invocation::{
        events::{Described, describe_response},
        handler::{poll_flushed, poll_handler},
        scope::{Ended, Flushing, Scope},
    },
};

pin_project! {
    /// The future of [`Traced`](super::Traced): the handler, then the flush.
    pub struct TracedFuture<F, B, S> {
        // Empty once done, so that what the handler holds is dropped before the root ends.
        #[pin]
        handler: Option<F>,
        context: Context,
        scope: Option<Scope>,
        is_http: bool,
        outcome: Option<thread::Result<Returned<B, S>>>,
        flushing: Option<Flushing>,
    }

    impl<F, B, S> PinnedDrop for TracedFuture<F, B, S> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _attached = this.context.clone().attach();
            this.handler.set(None);
        }
    }
}

/// What calling the handler gave.
pub(super) enum Handling<F> {
    Running(F),
    Failed(TracedError),
    Panicked(Box<dyn Any + Send>),
}

type Returned<B, S> = Result<FunctionResponse<B, TracedStream<S>>, TracedError>;

impl<F, B, S> TracedFuture<F, B, S> {
    pub(super) fn new(
        handling: Handling<F>,
        scope: Scope,
        context: Context,
        is_http: bool,
    ) -> Self {
        let (handler, outcome) = match handling {
            Handling::Running(future) => (Some(future), None),
            Handling::Failed(error) => {
                record_payload_error(&error, &scope, is_http);
                (None, Some(Ok(Err(error))))
            }
            Handling::Panicked(panic) => {
                scope.panicked(panic.as_ref());
                (None, Some(Err(panic)))
            }
        };
        Self {
            handler,
            context,
            scope: Some(scope),
            is_http,
            outcome,
            flushing: None,
        }
    }
}

impl<F, R, X, B, S, D, E> Future for TracedFuture<F, B, S>
where
    F: Future<Output = Result<R, X>>,
    R: IntoFunctionResponse<B, S>,
    X: Into<Diagnostic> + fmt::Debug,
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    E: Into<Error> + Send + fmt::Debug,
{
    type Output = Result<FunctionResponse<B, TracedStream<S>>, TracedError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.handler.is_some() {
            let returned = ready!(poll_handler(
                this.handler.as_mut(),
                this.context,
                this.scope.as_ref(),
                cx
            ));
            *this.outcome = Some(returned.map(|returned| match returned {
                Ok(response) => Ok(record(response.into_response(), this.scope, *this.is_http)),
                Err(error) => {
                    let error = TracedError::of(error);
                    if let Some(scope) = this.scope {
                        scope.failed(&error);
                        record_error_type(&error, scope);
                    }
                    Err(error)
                }
            }));
        }
        if let Some(scope) = this.scope.take() {
            *this.flushing = flush_before_response(scope.end());
        }
        poll_flushed(this.flushing, this.outcome, cx)
    }
}

/// A payload that the handler cannot take. The message quotes what does not fit: in an HTTP event
/// that may be a header, and without content it may be anything.
fn record_payload_error(error: &TracedError, scope: &Scope, is_http: bool) {
    if is_http || scope.root().sdk().content() == Content::Off {
        scope.failed("the payload is not of the function's payload type; the caller was told why");
    } else {
        scope.failed(error);
    }
    record_error_type(error, scope);
}

fn record_error_type(error: &TracedError, scope: &Scope) {
    scope
        .root()
        .fact("error.type", error.diagnostic().error_type.clone());
}

/// Records the response. A streamed one takes the scope along: it is over when the stream is.
fn record<B: Serialize, S>(
    response: FunctionResponse<B, S>,
    scope: &mut Option<Scope>,
    is_http: bool,
) -> FunctionResponse<B, TracedStream<S>> {
    match response {
        FunctionResponse::BufferedResponse(body) => {
            if let Some(scope) = scope {
                record_buffered(&body, scope, is_http);
            }
            FunctionResponse::BufferedResponse(body)
        }
        FunctionResponse::StreamingResponse(StreamResponse {
            metadata_prelude,
            stream,
        }) => {
            let status = is_http.then(|| metadata_prelude.status_code.as_u16());
            let stream = TracedStream::new(stream, scope.take(), status);
            FunctionResponse::StreamingResponse(StreamResponse {
                metadata_prelude,
                stream,
            })
        }
    }
}

fn record_buffered<B: Serialize>(body: &B, scope: &Scope, is_http: bool) {
    let root = scope.root();
    if !root.is_recording() {
        return;
    }
    let limit = root.sdk().content().max_chars();
    // The response's own code serialises it, and may panic; the runtime will find out by itself.
    let described = catch_unwind(AssertUnwindSafe(|| describe_response(body, limit, is_http)));
    let Described { status, output } = described.unwrap_or_default();
    if let Some(status) = status {
        scope.answered(status);
    }
    if let Some(output) = output {
        root.captured_output(output);
    }
}

/// The flush that the response waits for, unless it was asked to come after and something is there
/// that does it.
fn flush_before_response(ended: Ended) -> Option<Flushing> {
    if ended.sdk().settings().flush_point == FlushPoint::AfterResponse {
        let ended = flush_layer::hand_over(ended)?;
        diagnostics::warn(
            "WARMSPAN_FLUSH=after-response needs `warmspan::lambda::run`, or `.layer(FlushLayer::new())` on the \
             Runtime; flushing before the response instead",
        );
        return ended.flush();
    }
    ended.flush()
}
