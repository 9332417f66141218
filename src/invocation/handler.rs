//! The two steps of every adapter's future: the handler, then the flush.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    thread,
};

use opentelemetry::Context;

use super::scope::{Flushing, Scope};

/// Polls a handler inside of its context and drops it there when it is done. While it waits, what
/// has ended is encoded; a panic is recorded and kept for [`poll_flushed`].
pub(super) fn poll_handler<F: Future>(
    mut handler: Pin<&mut Option<F>>,
    context: &Context,
    scope: Option<&Scope>,
    cx: &mut TaskContext<'_>,
) -> Poll<thread::Result<F::Output>> {
    let Some(running) = handler.as_mut().as_pin_mut() else {
        return Poll::Pending;
    };
    let attached = context.clone().attach();
    let returned = match catch_unwind(AssertUnwindSafe(|| running.poll(cx))) {
        Ok(Poll::Pending) => {
            drop(attached);
            if let Some(scope) = scope {
                scope.handler_is_waiting();
            }
            return Poll::Pending;
        }
        Ok(Poll::Ready(output)) => Ok(output),
        Err(panic) => Err(panic),
    };
    handler.set(None);
    drop(attached);
    if let (Err(panic), Some(scope)) = (&returned, scope) {
        scope.panicked(panic.as_ref());
    }
    Poll::Ready(returned)
}

/// Waits for the flush, whose outcome is told by itself, and gives what the handler gave then: its
/// output or its panic.
pub(super) fn poll_flushed<T>(
    flushing: &mut Option<Flushing>,
    outcome: &mut Option<thread::Result<T>>,
    cx: &mut TaskContext<'_>,
) -> Poll<T> {
    if let Some(flush) = flushing {
        let _report = ready!(flush.as_mut().poll(cx));
        *flushing = None;
    }
    match outcome.take() {
        Some(Ok(output)) => Poll::Ready(output),
        Some(Err(panic)) => resume_unwind(panic),
        // Polled after it was done, which the contract of futures forbids.
        None => Poll::Pending,
    }
}
