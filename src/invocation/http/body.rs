//! A response's body, which keeps the root open until it has ended.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::Mutex,
    task::{Context as TaskContext, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::invocation::scope::{Flushing, Hold, Scope, finish_flush};

pin_project! {
    /// A body that passes its frames on as they come; the last one waits for the flush, since the
    /// platform may stop the process when it has it.
    pub struct TracedBody<B> where B: Body {
        // Empty once interrupted.
        #[pin]
        inner: Option<B>,
        open: Option<Open>,
        // The end, or the error in its place, held back until the flush is done.
        last: Option<Result<Frame<B::Data>, B::Error>>,
        // A mutex makes the future `Sync`, as boxed bodies must be; it is never locked.
        flushing: Option<Mutex<Flushing>>,
        // Until the server is done with the body, not only until it has been flushed.
        hold: Option<Hold>,
    }

    impl<B: Body> PinnedDrop for TracedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let flushing = match this.open.take() {
                // The client went away.
                Some(open) => open.abandon(),
                None => this.flushing.take().and_then(|flushing| flushing.into_inner().ok()),
            };
            finish_flush(flushing);
        }
    }
}

/// A response that has not ended.
struct Open {
    scope: Scope,
    /// What the head says that the body has: whoever reads it may stop there.
    length: Option<u64>,
    explain: Option<Explain>,
}

/// Reads what went wrong out of the first piece of a failed response's body, where the platform
/// writes it there.
pub(crate) type Explain = fn(&[u8]) -> Option<String>;

impl<B: Body> TracedBody<B> {
    pub(super) fn new(
        inner: B,
        scope: Option<Scope>,
        length: Option<u64>,
        explain: Option<Explain>,
    ) -> Self {
        let hold = scope.as_ref().and_then(Scope::hold);
        Self {
            inner: Some(inner),
            open: scope.map(|scope| Open {
                scope,
                length,
                explain,
            }),
            last: None,
            flushing: None,
            hold,
        }
    }
}

impl<B: Body> Body for TracedBody<B>
where
    B::Error: std::fmt::Display,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        if this.flushing.is_none() {
            let attached = this.open.as_ref().map(|open| open.scope.context().attach());
            if let Some(open) = this.open.take_if(|open| open.scope.is_interrupted(cx)) {
                this.inner.set(None);
                drop(attached);
                open.scope.interrupted();
                return Poll::Pending;
            }
            let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
                // An end would tell the client that it has everything.
                return Poll::Pending;
            };
            let expected = inner.size_hint().exact();
            let polled = catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll_frame(cx)));
            let frame = ready!(polled.unwrap_or_else(|panic| {
                if let Some(open) = this.open.as_ref() {
                    open.scope.panicked(panic.as_ref());
                }
                resume_unwind(panic)
            }));
            drop(attached);
            let Some(open) = this.open.as_mut() else {
                return Poll::Ready(frame);
            };
            match frame {
                Some(Ok(frame)) => {
                    let length = frame.data_ref().map_or(0, Buf::remaining);
                    open.see(&frame);
                    // Whoever reads a body of known length may stop at its last byte.
                    let is_last = inner.is_end_stream()
                        || expected == u64::try_from(length).ok()
                        || open.is_at_its_length();
                    if !is_last {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    *this.last = Some(Ok(frame));
                }
                Some(Err(error)) => {
                    open.scope
                        .failed(&format_args!("the response body failed: {error}"));
                    *this.last = Some(Err(error));
                }
                None => {}
            }
            *this.flushing = this.open.take().and_then(Open::end).map(Mutex::new);
        }
        if let Some(flushing) = this.flushing {
            if let Ok(flushing) = flushing.get_mut() {
                let _report = ready!(flushing.as_mut().poll(cx));
            }
            *this.flushing = None;
        }
        Poll::Ready(this.last.take())
    }

    fn is_end_stream(&self) -> bool {
        self.open.is_none()
            && self.flushing.is_none()
            && self.last.is_none()
            && self.inner.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.last {
            Some(Ok(last)) => {
                SizeHint::with_exact(last.data_ref().map_or(0, |data| data.remaining() as u64))
            }
            Some(Err(_)) | None => self.inner.as_ref().map(Body::size_hint).unwrap_or_default(),
        }
    }
}

impl Open {
    fn see<D: Buf>(&mut self, frame: &Frame<D>) {
        let Some(data) = frame.data_ref() else { return };
        let explain = self.explain.take();
        if let Some(message) = explain.and_then(|explain| explain(data.chunk())) {
            self.scope.failed(&message);
        }
        if let Some(request) = self.scope.request() {
            // Looks at the first chunk only: bodies are made of whole `Bytes` nearly always.
            let (chunk, all) = (data.chunk(), data.remaining());
            let mut output = request.output();
            output.push(chunk);
            output.skip(all - chunk.len());
        }
    }

    fn is_at_its_length(&self) -> bool {
        let seen = self.scope.request().map(|request| request.output().bytes());
        self.length.is_some_and(|length| seen >= Some(length))
    }

    fn end(self) -> Option<Flushing> {
        self.scope.end().flush_with_response()
    }

    fn abandon(self) -> Option<Flushing> {
        if let Some(request) = self.scope.request() {
            let seen = request.output().bytes();
            self.scope.abandoned(&format!(
                "the client went away after {seen} bytes of the response"
            ));
        }
        self.end()
    }
}

impl<B: Body> std::fmt::Debug for TracedBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracedBody")
            .field("open", &self.open.is_some())
            .finish_non_exhaustive()
    }
}
