//! Streams that end their observation.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use futures_util::Stream;
use opentelemetry::Context;
use pin_project_lite::pin_project;

use super::{Call, Chunks, chunks::Output};
use crate::{Level, observation::context_with};

pin_project! {
    /// A stream inside of an observation, which ends with it.
    #[derive(Debug)]
    pub struct ObservedStream<S, R> {
        // Empty once done, so that what it holds is dropped inside of the observation.
        #[pin]
        inner: Option<S>,
        context: Option<Context>,
        following: Option<Following>,
        record: R,
    }

    impl<S, R> PinnedDrop for ObservedStream<S, R> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _attached = this.context.clone().map(Context::attach);
            this.inner.set(None);
            *this.following = None;
        }
    }
}

impl<S: Stream, R: FnMut(&mut Chunks, &S::Item)> ObservedStream<S, R> {
    pub(super) fn new(inner: S, call: Call, record: R) -> Self {
        let context = (!call.is_off()).then(|| context_with(call.observation()));
        let following = context.is_some().then(|| Following {
            chunks: Chunks::new(call.content()),
            call,
        });
        Self {
            inner: Some(inner),
            context,
            following,
            record,
        }
    }
}

impl<S: Stream, R: FnMut(&mut Chunks, &S::Item)> Stream for ObservedStream<S, R> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let _attached = this.context.clone().map(Context::attach);
        // Held here, so that it ends as panicked if the stream panics.
        let mut following = this.following.take();
        let item = inner.poll_next(cx);
        match &item {
            Poll::Ready(None) => {
                this.inner.set(None);
                if let Some(following) = following.take() {
                    following.done();
                }
            }
            Poll::Ready(Some(item)) => {
                if let Some(following) = &mut following
                    && following.call.is_recording()
                {
                    (this.record)(&mut following.chunks, item);
                }
            }
            Poll::Pending => {}
        }
        *this.following = following;
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

/// A call whose stream has not ended.
#[derive(Debug)]
struct Following {
    call: Call,
    chunks: Chunks,
}

impl Following {
    fn done(mut self) {
        self.record();
        self.call.observation().end();
        // `drop` finds it ended and says nothing more.
    }

    fn record(&mut self) {
        let observation = self.call.observation();
        match self.chunks.finish() {
            None => {}
            Some(Output::Text(text)) => _ = observation.captured_output(text),
            Some(Output::Json(json)) => _ = observation.captured_json_output(json),
        }
        if let Some(message) = self.chunks.failure() {
            self.call.failed(message);
        }
    }
}

impl Drop for Following {
    /// The stream did not get to its end: what had come until then is kept.
    fn drop(&mut self) {
        if !self.call.is_recording() {
            return;
        }
        self.record();
        let observation = self.call.observation();
        // The guard of the call speaks for a panic.
        if !std::thread::panicking() && !observation.has_level() {
            observation.level(Level::Warning);
            observation.status_message("cancelled: the stream was dropped before its end");
        }
    }
}

/// A return type that has a name and holds a stream: it must stay the same type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stream that `#[observe]` can follow",
    label = "not a boxed stream",
    note = "return `impl Stream<Item = T>`, or `BoxStream<'_, T>`, which is `Pin<Box<dyn Stream<Item = T> + Send + '_>>`, or a `Result` of one"
)]
pub trait ReboxStream: Sized {
    /// What the stream brings.
    type Item;
    /// Why there is no stream.
    type Error;

    /// Follows the stream: the call ends with it.
    #[must_use]
    fn warmspan_follow<R, F>(self, call: Call, record: R, failed: F) -> Self
    where
        R: FnMut(&mut Chunks, &Self::Item) + Send + Sync + 'static,
        F: FnOnce(&Self::Error) -> String;
}

/// One box per set of auto traits; they are part of the type.
macro_rules! rebox {
    ($($auto:ident),*) => {
        impl<'a, T: 'a> ReboxStream for Pin<Box<dyn Stream<Item = T> $(+ $auto)* + 'a>> {
            type Item = T;
            type Error = Infallible;

            fn warmspan_follow<R, F>(self, call: Call, record: R, _: F) -> Self
            where
                R: FnMut(&mut Chunks, &T) + Send + Sync + 'static,
                F: FnOnce(&Infallible) -> String,
            {
                if call.is_off() {
                    return self;
                }
                Box::pin(call.stream(self, record))
            }
        }
    };
}

rebox!();
rebox!(Send);
rebox!(Send, Sync);

impl<S: ReboxStream, E> ReboxStream for Result<S, E> {
    type Item = S::Item;
    type Error = E;

    fn warmspan_follow<R, F>(self, call: Call, record: R, failed: F) -> Self
    where
        R: FnMut(&mut Chunks, &S::Item) + Send + Sync + 'static,
        F: FnOnce(&E) -> String,
    {
        match self {
            Ok(stream) => Ok(stream.warmspan_follow(call, record, |_| String::new())),
            Err(error) => {
                if call.is_recording() {
                    call.failed(failed(&error));
                }
                call.end();
                Err(error)
            }
        }
    }
}
