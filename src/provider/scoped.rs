//! Futures with a value in their context.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use opentelemetry::Context;
use pin_project_lite::pin_project;

pin_project! {
    /// A future that finds `value` in its context, beside whatever is there when it is polled: it
    /// may have been made outside of the observation in which it runs.
    pub(super) struct Scoped<F, V> {
        #[pin]
        pub(super) inner: F,
        pub(super) value: V,
    }
}

impl<F: Future, V: Clone + Send + Sync + 'static> Future for Scoped<F, V> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _attached = Context::current_with_value(this.value.clone()).attach();
        this.inner.poll(cx)
    }
}
