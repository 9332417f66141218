//! The requests that have not ended, so that a shutdown can end them.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::Context as TaskContext,
    time::Duration,
};

use futures_util::task::AtomicWaker;
use opentelemetry::trace::SpanId;
use tokio::sync::Notify;

use super::body_capture::BodyCapture;
use crate::{Level, Observation, observation::attributes};

/// One request that has not ended.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    root: Observation,
    input: Mutex<BodyCapture>,
    output: Mutex<BodyCapture>,
    /// Of the task that polls the request.
    waker: AtomicWaker,
    is_interrupted: AtomicBool,
}

impl OpenRequest {
    pub(super) fn open(root: &Observation) -> Arc<Self> {
        let limit = root.sdk().content().max_chars();
        let request = Arc::new(Self {
            root: root.clone(),
            input: Mutex::new(BodyCapture::new(limit)),
            output: Mutex::new(BodyCapture::new(limit)),
            waker: AtomicWaker::new(),
            is_interrupted: AtomicBool::new(false),
        });
        root.sdk().open_requests().add(&request);
        request
    }

    /// The preview of the request's body.
    pub(crate) fn input(&self) -> MutexGuard<'_, BodyCapture> {
        lock(&self.input)
    }

    /// The preview of the response's body.
    pub(crate) fn output(&self) -> MutexGuard<'_, BodyCapture> {
        lock(&self.output)
    }

    /// Whether a shutdown wants this request to end now. If not, the task is woken when it does.
    pub(crate) fn is_interrupted(&self, cx: &TaskContext<'_>) -> bool {
        self.waker.register(cx.waker());
        self.is_interrupted.load(Ordering::Acquire)
    }

    /// Writes the previews, except where the program said something itself, and ends the root.
    pub(crate) fn close(&self) {
        if self.root.is_recording() {
            if let Some(input) = taken(&self.input).filter(|_| !self.root.has(attributes::INPUT)) {
                self.root.captured_input(input);
            }
            if let Some(output) = taken(&self.output).filter(|_| !self.root.has(attributes::OUTPUT))
            {
                self.root.captured_output(output);
            }
            self.root.end();
        }
        self.root.sdk().open_requests().remove(self.root.id());
    }

    /// The shutdown did not let it come to its end. An error that came before stays one.
    pub(crate) fn interrupted(&self) {
        if !self.root.has_level() {
            self.root
                .level(Level::Warning)
                .status_message("interrupted by the shutdown");
        }
        self.close();
    }
}

fn taken(capture: &Mutex<BodyCapture>) -> Option<crate::observation::Captured> {
    std::mem::replace(&mut *lock(capture), BodyCapture::new(0)).finish()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The open requests of an SDK.
#[derive(Default)]
pub(crate) struct OpenRequests {
    requests: Mutex<HashMap<SpanId, Weak<OpenRequest>>>,
    /// Told whenever a request ends.
    ended: Notify,
}

impl OpenRequests {
    fn add(&self, request: &Arc<OpenRequest>) {
        lock(&self.requests).insert(request.root.id(), Arc::downgrade(request));
    }

    fn remove(&self, root: SpanId) {
        let was_open = lock(&self.requests).remove(&root).is_some();
        if was_open {
            self.ended.notify_waiters();
        }
    }

    /// The request whose root this is.
    pub(crate) fn of(&self, root: SpanId) -> Option<Arc<OpenRequest>> {
        lock(&self.requests).get(&root)?.upgrade()
    }

    /// Ends every request that is open: each drops its handler or body in its own task, and is
    /// ended from here if that task is busy for longer than `patience`.
    pub(crate) async fn interrupt(&self, patience: Duration) {
        for request in self.all() {
            request.is_interrupted.store(true, Ordering::Release);
            request.waker.wake();
        }
        // Running out of patience is no failure.
        let _ = tokio::time::timeout(patience, self.wait()).await;
        for request in self.all() {
            request.interrupted();
        }
    }

    async fn wait(&self) {
        loop {
            let ended = self.ended.notified();
            if lock(&self.requests).is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn all(&self) -> Vec<Arc<OpenRequest>> {
        let requests = lock(&self.requests);
        requests.values().filter_map(Weak::upgrade).collect()
    }
}

impl fmt::Debug for OpenRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenRequests")
            .field("open", &lock(&self.requests).len())
            .finish_non_exhaustive()
    }
}
