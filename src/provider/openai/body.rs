//! The body of a response: the same frames at the same time, and the call sees them first.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use reqwest::{Body, Response, ResponseBuilderExt as _};

use super::error;
use crate::provider::{call::Ended, observed_call::ObservedCall};

/// The response, with a body that `call` observes. Everything else of it stays.
pub(super) fn observe(response: Response, mut call: ObservedCall) -> Response {
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    call.head(response.status().as_u16(), &header);
    if let Some(encoding) = header("content-encoding").filter(|name| *name != "identity") {
        call.unreadable(encoding);
    }
    let url = response.url().clone();
    let (mut parts, body) = http::Response::from(response).into_parts();
    // reqwest keeps the URL in an extension of a private type, and forgets it here.
    if let Ok(with_url) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(with_url.into_parts().0.extensions);
    }
    let body = Body::wrap(ObservedBody::new(body, call));
    Response::from(http::Response::from_parts(parts, body))
}

/// Lends each frame to the call and hands it on. There is no task, channel, buffer or wake-up of
/// its own.
struct ObservedBody {
    inner: Body,
    call: ObservedCall,
}

impl ObservedBody {
    fn new(inner: Body, mut call: ObservedCall) -> Self {
        // Nobody needs to poll a body that is known to be empty.
        if inner.is_end_stream() {
            call.end(Ended::Eof);
        }
        Self { inner, call }
    }
}

impl http_body::Body for ObservedBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => self.call.end(Ended::Eof),
            Poll::Ready(Some(Err(error))) => self.call.fail(error::transport(error), None),
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
