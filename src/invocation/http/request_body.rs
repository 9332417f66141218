//! A request's body, previewed as it flows by.

use std::{
    any::Any,
    convert::Infallible,
    error::Error,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{
    Full,
    combinators::{BoxBody, UnsyncBoxBody},
};
use pin_project_lite::pin_project;

use crate::{Observation, invocation::open_requests::OpenRequest};

pin_project! {
    /// A request's body whose beginning becomes the input of the request's root as it is read.
    /// Frames pass unchanged and as they come; nothing is buffered but the preview.
    ///
    /// [`TraceLayer`](super::TraceLayer) uses it by itself for bodies that it can replace: those of
    /// axum (feature `axum`) and the boxed ones of `http-body-util`. A handler that takes a body of
    /// another type, hyper's `Incoming` for instance, is given this around it:
    ///
    /// ```
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use hyper::body::{Bytes, Incoming};
    /// use tower::{ServiceBuilder, service_fn};
    /// use warmspan::http::{RequestBody, TraceLayer};
    ///
    /// async fn handler(request: Request<RequestBody<Incoming>>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    /// #   let _ = request;
    ///     Ok(Response::new(Full::default()))
    /// }
    ///
    /// let service = ServiceBuilder::new()
    ///     .layer(TraceLayer::new())
    ///     .map_request(|request: Request<Incoming>| request.map(RequestBody::new))
    ///     .service(service_fn(handler));
    /// # let _ = service;
    /// ```
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        request: Option<Arc<OpenRequest>>,
    }
}

impl<B> RequestBody<B> {
    /// The body of the request whose root is the current observation. Anywhere else it is just the
    /// body.
    pub fn new(inner: B) -> Self {
        let root = Observation::current();
        let request = root.and_then(|root| root.sdk().open_requests().of(root.id()));
        Self { inner, request }
    }

    fn of(inner: B, request: &Arc<OpenRequest>) -> Self {
        Self {
            inner,
            request: Some(Arc::clone(request)),
        }
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let (Some(Ok(frame)), Some(request)) = (&frame, this.request)
            && let Some(data) = frame.data_ref()
        {
            // The first chunk only: bodies are made of whole `Bytes` nearly always.
            let (chunk, all) = (data.chunk(), data.remaining());
            let mut input = request.input();
            input.push(chunk);
            input.skip(all - chunk.len());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> std::fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestBody")
            .field("is_previewed", &self.request.is_some())
            .finish_non_exhaustive()
    }
}

/// Previews a body without changing its type: one that is there already is looked at, one that can
/// hold any other is put into itself. The rest is left alone.
pub(super) fn preview(body: &mut dyn Any, request: &Arc<OpenRequest>) {
    let _is_done = look_at(body, request)
        || within_axum(body, request)
        || within_box::<Box<dyn Error + Send + Sync>>(body, request)
        || within_box::<hyper::Error>(body, request)
        || within_box::<Infallible>(body, request)
        || within_box::<io::Error>(body, request);
}

fn look_at(body: &dyn Any, request: &OpenRequest) -> bool {
    #[cfg(feature = "lambda-http")]
    if let Some(body) = body.downcast_ref::<lambda_http::Body>() {
        request.input().push(body.as_ref());
        return true;
    }
    let bytes: &[u8] = if let Some(text) = body.downcast_ref::<String>() {
        text.as_bytes()
    } else if let Some(bytes) = body.downcast_ref::<Bytes>() {
        bytes
    } else if let Some(full) = body.downcast_ref::<Full<Bytes>>() {
        // It gives its bytes away only to a reader; its clone shares them.
        let mut full = full.clone();
        if let Poll::Ready(Some(Ok(frame))) =
            Pin::new(&mut full).poll_frame(&mut TaskContext::from_waker(std::task::Waker::noop()))
            && let Ok(data) = frame.into_data()
        {
            request.input().push(&data);
        }
        return true;
    } else {
        return false;
    };
    request.input().push(bytes);
    true
}

#[cfg(feature = "axum")]
fn within_axum(body: &mut dyn Any, request: &Arc<OpenRequest>) -> bool {
    let Some(body) = body.downcast_mut::<axum::body::Body>() else {
        return false;
    };
    if !body.is_end_stream() {
        let inner = std::mem::take(body);
        *body = axum::body::Body::new(RequestBody::of(inner, request));
    }
    true
}

#[cfg(not(feature = "axum"))]
fn within_axum(_: &mut dyn Any, _: &Arc<OpenRequest>) -> bool {
    false
}

fn within_box<E: 'static>(body: &mut dyn Any, request: &Arc<OpenRequest>) -> bool {
    if let Some(body) = body.downcast_mut::<BoxBody<Bytes, E>>() {
        if !body.is_end_stream() {
            let inner = std::mem::take(body);
            *body = BoxBody::new(RequestBody::of(inner, request));
        }
        true
    } else if let Some(body) = body.downcast_mut::<UnsyncBoxBody<Bytes, E>>() {
        if !body.is_end_stream() {
            let inner = std::mem::take(body);
            *body = UnsyncBoxBody::new(RequestBody::of(inner, request));
        }
        true
    } else {
        false
    }
}
