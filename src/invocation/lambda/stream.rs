//! A streamed response, which keeps the root open until it has ended.

use std::{
    fmt,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;

use super::flush_layer;
use crate::{
    invocation::scope::{Ended, Flushing, Scope},
    observation::TextCapture,
};

/// A stream that passes its items on as they come, and is not over before the flush is.
pub struct TracedStream<S> {
    inner: S,
    scope: Option<Scope>,
    output: TextCapture,
    flushing: Option<Flushing>,
}

impl<S> TracedStream<S> {
    pub(super) fn new(inner: S, scope: Option<Scope>, status: Option<u16>) -> Self {
        let limit = scope
            .as_ref()
            .map_or(0, |scope| scope.root().sdk().content().max_chars());
        if let (Some(scope), Some(status)) = (&scope, status) {
            scope.answered(status);
        }
        Self {
            inner,
            scope,
            output: TextCapture::new(limit),
            flushing: None,
        }
    }

    fn end(&mut self) -> Option<Ended> {
        let scope = self.scope.take()?;
        let output = std::mem::replace(&mut self.output, TextCapture::new(0)).finish();
        if !output.text.is_empty() {
            scope.root().captured_output(output);
        }
        Some(scope.end())
    }
}

impl<S> Drop for TracedStream<S> {
    /// A stream that fails, or that nobody reads to its end, is flushed by the layer around the
    /// invocation, or else in the background.
    fn drop(&mut self) {
        if let Some(scope) = &self.scope {
            scope.abandoned("the response stream was dropped before its end");
        }
        let flushing = match self.end() {
            Some(ended) => flush_layer::hand_over(ended).and_then(Ended::flush),
            None => self.flushing.take(),
        };
        if let (Some(flushing), Ok(runtime)) = (flushing, tokio::runtime::Handle::try_current()) {
            runtime.spawn(flushing);
        }
    }
}

impl<S, D, E> Stream for TracedStream<S>
where
    S: Stream<Item = Result<D, E>> + Unpin,
    D: Into<Bytes>,
    E: fmt::Debug,
{
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.flushing.is_none() {
            let attached = this.scope.as_ref().map(|scope| scope.context().attach());
            let item = ready!(Pin::new(&mut this.inner).poll_next(cx));
            drop(attached);
            match item {
                Some(Ok(data)) => {
                    let data: Bytes = data.into();
                    // Pieces need not end where characters do; a preview may show that.
                    this.output.push(&String::from_utf8_lossy(&data));
                    return Poll::Ready(Some(Ok(data)));
                }
                Some(Err(error)) => {
                    if let Some(scope) = &this.scope {
                        scope.failed(&format_args!("the response stream failed: {error:?}"));
                    }
                    return Poll::Ready(Some(Err(error)));
                }
                None => this.flushing = this.end().and_then(Ended::flush),
            }
        }
        if let Some(flushing) = &mut this.flushing {
            let _report = ready!(flushing.as_mut().poll(cx));
            this.flushing = None;
        }
        Poll::Ready(None)
    }
}

impl<S: fmt::Debug> fmt::Debug for TracedStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedStream")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
