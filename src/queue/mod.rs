//! Finished spans, held until a back-end has said that it has them.
//!
//! [`State`] is a sans-IO state machine: spans come in when they end, leave as encoded bodies in a
//! [`Batch`], and are settled by what was answered. A batch that is dropped unsettled (a budget ran
//! out, a future was cancelled) goes back to where it was. Everything is bounded in spans and in
//! bytes, and every loss is counted with its reason.

mod body;
mod losses;
mod state;
mod tail;

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

pub(crate) use body::{Body, BodyKind};
pub use losses::Losses;
pub(crate) use losses::Reason;
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::SpanData;
use state::State;
pub(crate) use state::{Bounds, Tally, Ticket};
pub(crate) use tail::TailRule;

use crate::{diagnostics, transport::Encoder};

/// The queue of one SDK.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Whether it was warned that the queue is full, since the last delivery.
    is_full: AtomicBool,
    /// Whether traces are sampled at their end.
    has_tail: bool,
}

impl Queue {
    /// With a rule, traces are held back until their roots have ended.
    pub(crate) fn new(bounds: Bounds, rule: Option<TailRule>) -> Self {
        Self {
            has_tail: rule.is_some(),
            state: Mutex::new(State::new(bounds, rule)),
            is_full: AtomicBool::new(false),
        }
    }

    /// The root of a trace begins.
    pub(crate) fn begin(&self, trace: TraceId, root: SpanId) {
        if self.has_tail {
            self.state().begin(trace, root);
        }
    }

    /// What began as a root ended, and is not sent.
    pub(crate) fn withdraw(&self, trace: TraceId, root: SpanId) {
        if self.has_tail {
            self.state().withdraw(trace, root);
        }
    }

    /// Holds no trace back any more: there is no later.
    pub(crate) fn release(&self) {
        self.state().release();
    }

    /// Spans that were recorded and then left out by the sampling.
    pub(crate) fn sampled_out(&self) -> usize {
        self.state().sampled_out()
    }

    /// Takes in a span that has ended.
    pub(crate) fn push(&self, span: SpanData) {
        let lost = self.state().push(span);
        if lost > 0 && !self.is_full.swap(true, Ordering::Relaxed) {
            diagnostics::warn(format_args!(
                "{lost} spans did not fit into the queue and are lost; flush more often or record less"
            ));
        }
    }

    /// Takes in a score of `subject`, an event of Langfuse's ingestion as JSON. It leaves with what
    /// `trace` recorded.
    pub(crate) fn push_score(&self, trace: TraceId, subject: TraceId, event: String) {
        let lost = self.state().push_body(Body::score(trace, subject, event));
        if lost > 0 {
            diagnostics::warn(format_args!(
                "{lost} spans or scores did not fit into the queue and are lost"
            ));
        }
    }

    /// Encodes the finished spans of `trace`, or of every trace. Cheap when there are none.
    pub(crate) fn encode(&self, trace: Option<TraceId>, encoder: &Encoder) {
        while self.encode_some(trace, encoder) {}
    }

    /// Encodes some of them into one body, and says whether there were any.
    pub(crate) fn encode_some(&self, trace: Option<TraceId>, encoder: &Encoder) -> bool {
        // In a statement of its own, so that the lock is not held while encoding.
        let taken = self.state().take_finished(trace);
        let Some((id, spans)) = taken else {
            return false;
        };
        let count = spans.len();
        let body = encoder
            .encode(spans)
            .map(|bytes| Body::new(id, bytes, count));
        if body.is_none() {
            diagnostics::warn(format_args!(
                "{count} spans could not be encoded and are lost"
            ));
        }
        self.state().put_encoded(id, count, body);
        true
    }

    /// Takes encoded bodies of one kind, oldest first, at most `max_bytes` of them (but at least one).
    pub(crate) fn take(&self, max_bytes: usize) -> Option<Batch<'_>> {
        let bodies = self.state().take_bodies(max_bytes);
        (!bodies.is_empty()).then_some(Batch {
            queue: self,
            bodies,
        })
    }

    /// Begins to count what becomes of the spans of `trace`, or of all.
    pub(crate) fn watch(&self, trace: Option<TraceId>) -> Watch<'_> {
        Watch {
            queue: self,
            ticket: self.state().open_ticket(trace),
        }
    }

    /// Spans that may be sent, of `trace` or of all.
    pub(crate) fn held(&self, trace: Option<TraceId>) -> usize {
        self.state().held(trace)
    }

    /// All losses since the start.
    pub(crate) fn losses(&self) -> Losses {
        self.state().losses().clone()
    }

    /// Gives everything up, what is yet to come included: nobody will send it any more.
    pub(crate) fn close(&self) -> usize {
        self.state().close()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often a server error is met with the same bodies.
const MAX_ATTEMPTS: u8 = 3;

/// Bodies on their way. What is not settled goes back into the queue.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    queue: &'a Queue,
    bodies: Vec<Body>,
}

impl<'a> Batch<'a> {
    pub(crate) fn bodies(&self) -> &[Body] {
        &self.bodies
    }

    /// What all of its bodies are.
    pub(crate) fn kind(&self) -> BodyKind {
        self.bodies.first().map_or(BodyKind::Spans, Body::kind)
    }

    pub(crate) fn spans(&self) -> usize {
        self.bodies.iter().map(Body::spans).sum()
    }

    /// The back-end has them, except `rejected` spans.
    pub(crate) fn delivered(mut self, rejected: usize) {
        let bodies = std::mem::take(&mut self.bodies);
        self.queue.is_full.store(false, Ordering::Relaxed);
        self.queue.state().settle_delivered(&bodies, rejected);
    }

    /// They will never be accepted.
    pub(crate) fn lost(mut self, reason: Reason) {
        let bodies = std::mem::take(&mut self.bodies);
        self.queue.state().settle_lost(&bodies, reason);
    }

    /// The back-end failed over them. After [`MAX_ATTEMPTS`] of that they are not tried again: they
    /// may be the cause, and would hold back all others.
    pub(crate) fn failed(mut self, reason: Reason) {
        let tried = std::mem::take(&mut self.bodies)
            .into_iter()
            .map(Body::tried);
        let (given_up, kept): (Vec<_>, Vec<_>) =
            tried.partition(|body| body.attempts() >= MAX_ATTEMPTS);
        self.bodies = kept;
        self.queue.state().settle_lost(&given_up, reason);
    }

    /// Two batches, each of about half the spans; `None` (and the batch lost for `reason`) when
    /// there is only one span left.
    pub(crate) fn split(mut self, reason: Reason) -> Option<(Batch<'a>, Batch<'a>)> {
        let mut first = std::mem::take(&mut self.bodies);
        if first.len() == 1 {
            let Some((one, other)) = first.first().and_then(Body::halves) else {
                self.queue.state().settle_lost(&first, reason);
                return None;
            };
            let queue = self.queue;
            return Some((
                Batch {
                    queue,
                    bodies: vec![one],
                },
                Batch {
                    queue,
                    bodies: vec![other],
                },
            ));
        }
        let second = first.split_off(first.len() / 2);
        Some((
            Batch {
                queue: self.queue,
                bodies: first,
            },
            Batch {
                queue: self.queue,
                bodies: second,
            },
        ))
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let bodies = std::mem::take(&mut self.bodies);
        if !bodies.is_empty() {
            self.queue.state().put_back(bodies);
        }
    }
}

/// Counts what becomes of the spans of one trace, or of all, while it lives.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    queue: &'a Queue,
    ticket: Ticket,
}

impl Watch<'_> {
    pub(crate) fn tally(&self) -> Tally {
        self.queue.state().tally(self.ticket)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.queue.state().close_ticket(self.ticket);
    }
}

#[cfg(test)]
mod tests;
