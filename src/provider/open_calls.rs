//! The calls whose responses are still being read, so that a flush can wait for them.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry::trace::TraceId;
use tokio::sync::Notify;

/// A call that can be ended by somebody else than its reader.
pub(crate) trait Close: Send + Sync {
    /// Ends the call with what is known of it.
    fn close(&self);
}

/// The open calls of an SDK.
#[derive(Default)]
pub(crate) struct OpenCalls {
    calls: Mutex<Registry>,
    /// Told whenever a call ends.
    ended: Notify,
    /// Whether the user was told of a stream that said nothing of its tokens.
    has_warned: AtomicBool,
}

#[derive(Default)]
struct Registry {
    next: u64,
    open: HashMap<u64, (TraceId, Weak<dyn Close>)>,
}

impl OpenCalls {
    /// Adds a call of a trace. Returns its number, by which it is removed.
    pub(crate) fn add(&self, trace: TraceId, call: Weak<dyn Close>) -> u64 {
        let mut calls = self.lock();
        let number = calls.next;
        calls.next += 1;
        calls.open.insert(number, (trace, call));
        number
    }

    pub(crate) fn remove(&self, number: u64) {
        self.lock().open.remove(&number);
        self.ended.notify_waiters();
    }

    /// Whether no stream before this one was without usage: one warning an SDK is enough.
    pub(crate) fn is_first_without_usage(&self) -> bool {
        !self.has_warned.swap(true, Ordering::Relaxed)
    }

    /// Waits at most `patience` for the calls that are open now or begin meanwhile, and then
    /// closes those that still are.
    pub(crate) async fn settle(&self, patience: Duration) {
        self.settle_of(None, patience).await;
    }

    /// The same for the calls of one trace: those of other requests go on.
    pub(crate) async fn settle_trace(&self, trace: TraceId, patience: Duration) {
        self.settle_of(Some(trace), patience).await;
    }

    /// Closes all calls at once.
    pub(crate) fn close_all(&self) {
        self.close_of(None);
    }

    async fn settle_of(&self, trace: Option<TraceId>, patience: Duration) {
        if !self.lock().has_open(trace) {
            return;
        }
        if !patience.is_zero() {
            // Running out of patience is no failure.
            let _ = tokio::time::timeout(patience, self.wait(trace)).await;
        }
        self.close_of(trace);
    }

    fn close_of(&self, trace: Option<TraceId>) {
        let open: Vec<Arc<dyn Close>> = {
            let calls = self.lock();
            let open = calls.of(trace);
            open.filter_map(Weak::upgrade).collect()
        };
        for call in open {
            call.close();
        }
    }

    async fn wait(&self, trace: Option<TraceId>) {
        loop {
            let ended = self.ended.notified();
            if !self.lock().has_open(trace) {
                return;
            }
            ended.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// The open calls of a trace, or all.
    fn of(&self, trace: Option<TraceId>) -> impl Iterator<Item = &Weak<dyn Close>> {
        let open = self.open.values();
        open.filter(move |(of, _)| trace.is_none_or(|trace| trace == *of))
            .map(|(_, call)| call)
    }

    fn has_open(&self, trace: Option<TraceId>) -> bool {
        self.of(trace).next().is_some()
    }
}

impl fmt::Debug for OpenCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenCalls")
            .field("open", &self.lock().open.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Call(AtomicBool);

    impl Close for Call {
        fn close(&self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    impl Call {
        fn is_closed(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn two_of_a_trace_each() -> (OpenCalls, [(TraceId, Arc<Call>); 2]) {
        let calls = OpenCalls::default();
        let added = [1_u128, 2].map(|id| {
            let (trace, call) = (TraceId::from(id), Arc::new(Call::default()));
            let weak: Weak<Call> = Arc::downgrade(&call);
            calls.add(trace, weak);
            (trace, call)
        });
        (calls, added)
    }

    #[tokio::test(start_paused = true)]
    async fn a_trace_waits_for_its_own_calls_and_closes_no_others() {
        let (calls, [(trace, own), (_, other)]) = two_of_a_trace_each();
        calls.settle_trace(trace, Duration::from_millis(5)).await;
        assert!(own.is_closed() && !other.is_closed());
        calls.settle_trace(TraceId::from(3), Duration::MAX).await;
        assert!(!other.is_closed());
        calls.close_all();
        assert!(other.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_ends_in_time_is_not_closed() {
        let (calls, [(trace, own), _]) = two_of_a_trace_each();
        let settled = calls.settle_trace(trace, Duration::from_secs(60));
        tokio::join!(settled, async { calls.remove(0) });
        assert!(!own.is_closed());
    }
}
