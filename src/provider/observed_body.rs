//! The body of a response: the same frames at the same time, and the call sees them first.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{call::Ended, failure::Failure, observed_call::ObservedCall};

/// Lends each frame to the call and hands it on. There is no task, channel, buffer or wake-up of
/// its own.
#[derive(Debug)]
pub(super) struct ObservedBody<B: Body> {
    inner: B,
    call: ObservedCall,
    failure: fn(&B::Error) -> Failure,
}

impl<B: Body> ObservedBody<B> {
    pub(super) fn new(inner: B, call: ObservedCall, failure: fn(&B::Error) -> Failure) -> Self {
        // Nobody needs to poll a body that is known to be empty.
        if inner.is_end_stream() {
            call.end(Ended::Eof);
        }
        Self {
            inner,
            call,
            failure,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for ObservedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => self.call.end(Ended::Eof),
            Poll::Ready(Some(Err(error))) => self.call.fail((self.failure)(error), None),
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.call.chunk(data);
                }
                // A consumer may stop here and never see the end itself.
                if self.inner.is_end_stream() {
                    self.call.end(Ended::Eof);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
