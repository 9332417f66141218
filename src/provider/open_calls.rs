//! The calls whose responses are still being read, so that a flush can wait for them.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

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
}

#[derive(Default)]
struct Registry {
    next: u64,
    open: HashMap<u64, Weak<dyn Close>>,
}

impl OpenCalls {
    /// Adds a call. Returns its number, by which it is removed.
    pub(crate) fn add(&self, call: Weak<dyn Close>) -> u64 {
        let mut calls = self.lock();
        let number = calls.next;
        calls.next += 1;
        calls.open.insert(number, call);
        number
    }

    pub(crate) fn remove(&self, number: u64) {
        self.lock().open.remove(&number);
        self.ended.notify_waiters();
    }

    /// Waits at most `patience` for the calls that are open now or begin meanwhile, and then
    /// closes those that still are.
    pub(crate) async fn settle(&self, patience: Duration) {
        if self.lock().open.is_empty() {
            return;
        }
        // Running out of patience is no failure.
        let _ = tokio::time::timeout(patience, self.wait()).await;
        self.close_all();
    }

    /// Closes all calls at once.
    pub(crate) fn close_all(&self) {
        let open: Vec<Arc<dyn Close>> = {
            let calls = self.lock();
            calls.open.values().filter_map(Weak::upgrade).collect()
        };
        for call in open {
            call.close();
        }
    }

    async fn wait(&self) {
        loop {
            let ended = self.ended.notified();
            if self.lock().open.is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for OpenCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenCalls")
            .field("open", &self.lock().open.len())
            .finish_non_exhaustive()
    }
}
