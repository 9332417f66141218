//! The queue without locks and without I/O.

use std::collections::VecDeque;

use opentelemetry::{
    KeyValue, Value,
    trace::{SpanId, TraceId},
};
use opentelemetry_sdk::trace::SpanData;

use super::{
    body::Body,
    losses::{Losses, Reason},
    tail::{Decision, Tail, TailRule},
};

/// How much the queue holds before it gives up the oldest trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) spans: usize,
    /// Of finished spans by estimate, of encoded ones exactly.
    pub(crate) bytes: usize,
}

impl Default for Bounds {
    /// As many spans as the SDK's own batch processor holds, and what a 128 MB function can spare.
    fn default() -> Self {
        Self {
            spans: 2048,
            bytes: 8 * 1024 * 1024,
        }
    }
}

/// What became of the spans of a flush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) delivered: usize,
    pub(crate) lost: usize,
}

/// Names an open count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
pub(super) struct State {
    bounds: Bounds,
    /// In the order in which their first span ended. Few: a trace is an invocation.
    traces: VecDeque<Trace>,
    /// Spans and bytes held, those on their way included.
    spans: usize,
    bytes: usize,
    losses: Losses,
    tickets: Vec<(Ticket, Option<TraceId>, Tally)>,
    next_ticket: u64,
    /// Nobody will send any more: what comes is lost, counted.
    is_closed: bool,
    /// Decides about traces at their end, where that is asked for.
    tail: Option<Tail>,
    sampled_out: usize,
}

#[derive(Debug)]
struct Trace {
    id: TraceId,
    finished: Vec<SpanData>,
    finished_bytes: usize,
    encoded: VecDeque<Body>,
    /// Spans that are being encoded or sent.
    away: usize,
}

impl State {
    pub(super) fn new(bounds: Bounds, rule: Option<TailRule>) -> Self {
        Self {
            bounds,
            traces: VecDeque::new(),
            spans: 0,
            bytes: 0,
            losses: Losses::default(),
            tickets: Vec::new(),
            next_ticket: 0,
            is_closed: false,
            tail: rule.map(Tail::new),
            sampled_out: 0,
        }
    }

    /// The root of a trace begins.
    pub(super) fn begin(&mut self, trace: TraceId, root: SpanId) {
        if let Some(tail) = &mut self.tail {
            tail.begin(trace, root);
        }
    }

    /// What began as a root ended, and is not sent.
    pub(super) fn withdraw(&mut self, trace: TraceId, root: SpanId) {
        let decision = self
            .tail
            .as_mut()
            .and_then(|tail| tail.withdraw(trace, root));
        if decision == Some(Decision::LeaveOut) {
            self.leave_out(trace);
        }
    }

    /// Holds no trace back any more.
    pub(super) fn release(&mut self) {
        if let Some(tail) = &mut self.tail {
            tail.release();
        }
    }

    /// Spans and scores that were recorded and then left out by the sampling.
    pub(super) fn sampled_out(&self) -> usize {
        self.sampled_out
    }

    /// Takes in a finished span. Returns how many spans were lost to make room, itself included.
    pub(super) fn push(&mut self, span: SpanData) -> usize {
        let id = span.span_context.trace_id();
        let decision = self.tail.as_mut().and_then(|tail| tail.ended(&span));
        if decision == Some(Decision::LeaveOut) {
            self.sampled_out += 1;
            self.leave_out(id);
            return 0;
        }
        let bytes = estimated_bytes(&span);
        let (has_room, lost) = self.make_room(id, bytes);
        if has_room {
            let trace = self.trace_mut(id);
            trace.finished_bytes += bytes;
            trace.finished.push(span);
        }
        lost
    }

    /// The same for what needs no encoding.
    pub(super) fn push_body(&mut self, body: Body) -> usize {
        if self.is_left_out(body.subject()) {
            self.sampled_out += body.spans();
            return 0;
        }
        let (has_room, lost) = self.make_room(body.trace(), body.bytes().len());
        if has_room {
            self.trace_mut(body.trace()).encoded.push_back(body);
        }
        lost
    }

    /// Makes room for one more of `bytes` and counts it in. Returns whether there is room, and how
    /// many were lost, that one included if there is none.
    fn make_room(&mut self, id: TraceId, bytes: usize) -> (bool, usize) {
        if self.is_closed {
            self.lose(id, Reason::Abandoned, 1);
            return (false, 0);
        }
        if bytes > self.bounds.bytes {
            // To make room for it would lose everything else, and it.
            self.lose(id, Reason::QueueFull, 1);
            return (false, 1);
        }
        let mut lost = 0;
        while self.spans + 1 > self.bounds.spans || self.bytes + bytes > self.bounds.bytes {
            match self.drop_oldest_other_than(id) {
                0 => {
                    self.lose(id, Reason::QueueFull, 1);
                    return (false, lost + 1);
                }
                dropped => lost += dropped,
            }
        }
        self.spans += 1;
        self.bytes += bytes;
        (true, lost)
    }

    /// Takes the finished spans of one trace for encoding. They count as away until
    /// [`put_encoded`](Self::put_encoded).
    pub(super) fn take_finished(
        &mut self,
        of: Option<TraceId>,
    ) -> Option<(TraceId, Vec<SpanData>)> {
        let trace = self
            .traces
            .iter_mut()
            .find(|trace| !trace.finished.is_empty() && of.is_none_or(|id| id == trace.id))?;
        let rest = trace
            .finished
            .split_off(trace.finished.len().min(MAX_SPANS_A_BODY));
        let spans = std::mem::replace(&mut trace.finished, rest);
        trace.away += spans.len();
        let bytes = if trace.finished.is_empty() {
            trace.finished_bytes
        } else {
            spans.iter().map(estimated_bytes).sum()
        };
        trace.finished_bytes = trace.finished_bytes.saturating_sub(bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        Some((trace.id, spans))
    }

    /// Brings `count` spans back from encoding; without a body they are lost.
    pub(super) fn put_encoded(&mut self, id: TraceId, count: usize, body: Option<Body>) {
        let is_closed = self.is_closed;
        let trace = self.trace_mut(id);
        trace.away = trace.away.saturating_sub(count);
        if self.is_left_out(id) {
            self.spans = self.spans.saturating_sub(count);
            self.sampled_out += count;
        } else if let Some(body) = body.filter(|_| !is_closed) {
            let bytes = body.bytes().len();
            self.trace_mut(id).encoded.push_back(body);
            self.bytes += bytes;
        } else {
            self.spans = self.spans.saturating_sub(count);
            let reason = if is_closed {
                Reason::Abandoned
            } else {
                Reason::NotEncoded
            };
            self.lose(id, reason, count);
        }
        self.forget_empty();
    }

    /// Takes encoded bodies of the kind of the oldest one, oldest trace first.
    pub(super) fn take_bodies(&mut self, max_bytes: usize) -> Vec<Body> {
        let mut taken: Vec<Body> = Vec::new();
        let mut bytes = 0;
        let tail = self.tail.as_ref();
        let is_undecided = |id| tail.is_some_and(|tail| tail.is_undecided(id));
        for trace in &mut self.traces {
            if is_undecided(trace.id) {
                continue;
            }
            let mut at = 0;
            while let Some(body) = trace.encoded.get(at) {
                let is_of_another_kind = taken
                    .first()
                    .is_some_and(|first| first.kind() != body.kind());
                if is_of_another_kind || is_undecided(body.subject()) {
                    at += 1;
                    continue;
                }
                bytes += body.bytes().len();
                if bytes > max_bytes && !taken.is_empty() {
                    return taken;
                }
                trace.away += body.spans();
                taken.extend(trace.encoded.remove(at));
            }
        }
        taken
    }

    /// Bodies that were not sent after all return to the front of their traces.
    pub(super) fn put_back(&mut self, bodies: Vec<Body>) {
        if self.is_closed {
            self.settle_lost(&bodies, Reason::Abandoned);
            return;
        }
        for body in bodies.into_iter().rev() {
            let trace = self.trace_mut(body.trace());
            trace.away = trace.away.saturating_sub(body.spans());
            trace.encoded.push_front(body);
        }
    }

    /// The back-end has them, except for `rejected` spans, which it has seen and will not keep.
    pub(super) fn settle_delivered(&mut self, bodies: &[Body], mut rejected: usize) {
        for body in bodies {
            let lost = rejected.min(body.spans());
            rejected -= lost;
            self.settle(body);
            self.count(body.trace(), |tally| tally.delivered += body.spans() - lost);
            if lost > 0 {
                self.lose(body.trace(), Reason::Rejected, lost);
            }
        }
        self.forget_empty();
    }

    pub(super) fn settle_lost(&mut self, bodies: &[Body], reason: Reason) {
        for body in bodies {
            self.settle(body);
            self.lose(body.trace(), reason, body.spans());
        }
        self.forget_empty();
    }

    /// Spans that may be sent, of one trace or of all.
    pub(super) fn held(&self, of: Option<TraceId>) -> usize {
        match of {
            None if self.tail.is_none() => self.spans,
            None => self.traces.iter().map(|trace| self.sendable(trace)).sum(),
            Some(id) => {
                let trace = self.traces.iter().rfind(|trace| trace.id == id);
                trace.map_or(0, |trace| self.sendable(trace))
            }
        }
    }

    /// The spans of a trace that are not held back.
    fn sendable(&self, trace: &Trace) -> usize {
        let Some(tail) = &self.tail else {
            return trace.spans();
        };
        if tail.is_undecided(trace.id) {
            return 0;
        }
        let held_back = trace
            .encoded
            .iter()
            .filter(|body| tail.is_undecided(body.subject()));
        trace.spans() - held_back.map(Body::spans).sum::<usize>()
    }

    /// Spans held, those of undecided traces included.
    #[cfg(test)]
    pub(super) fn held_in_all(&self) -> usize {
        self.traces.iter().map(Trace::spans).sum()
    }

    pub(super) fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Closes the queue. What is on its way may still arrive; everything else is lost.
    pub(super) fn close(&mut self) -> usize {
        self.is_closed = true;
        let mut traces = std::mem::take(&mut self.traces);
        let lost = traces
            .iter_mut()
            .map(|trace| self.drop_resting(trace, Reason::Abandoned))
            .sum();
        traces.retain(|trace| trace.away > 0);
        self.traces = traces;
        lost
    }

    pub(super) fn open_ticket(&mut self, of: Option<TraceId>) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.push((ticket, of, Tally::default()));
        ticket
    }

    pub(super) fn tally(&self, ticket: Ticket) -> Tally {
        self.tickets
            .iter()
            .find(|(open, ..)| *open == ticket)
            .map_or_else(Tally::default, |(.., tally)| *tally)
    }

    pub(super) fn close_ticket(&mut self, ticket: Ticket) {
        self.tickets.retain(|(open, ..)| *open != ticket);
    }

    /// Whether the sampling decided against a trace.
    fn is_left_out(&self, id: TraceId) -> bool {
        self.tail.as_ref().is_some_and(|tail| tail.is_left_out(id))
    }

    /// Lets go of what is here of a trace, and of what is about it. That is no loss. What only leaves
    /// with it stays.
    fn leave_out(&mut self, id: TraceId) {
        let (mut spans, mut bytes) = (0, 0);
        for trace in &mut self.traces {
            trace.encoded.retain(|body| {
                let is_left_out = body.subject() == id;
                if is_left_out {
                    spans += body.spans();
                    bytes += body.bytes().len();
                }
                !is_left_out
            });
            if trace.id == id {
                spans += trace.finished.len();
                bytes += trace.finished_bytes;
                trace.finished.clear();
                trace.finished_bytes = 0;
            }
        }
        self.spans = self.spans.saturating_sub(spans);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.sampled_out += spans;
        self.forget_empty();
    }

    /// Drops the oldest trace that rests here entirely and is not `id`. Returns its spans.
    fn drop_oldest_other_than(&mut self, id: TraceId) -> usize {
        let is_undecided = |id| self.tail.as_ref().is_some_and(|tail| tail.is_undecided(id));
        let rests = |trace: &Trace| trace.id != id && trace.resting() > 0;
        // What may be left out anyway goes first.
        let mut traces = self.traces.iter();
        let undecided = traces.position(|trace| rests(trace) && is_undecided(trace.id));
        let Some(at) = undecided.or_else(|| self.traces.iter().position(rests)) else {
            return 0;
        };
        let Some(mut trace) = self.traces.remove(at) else {
            return 0;
        };
        let lost = self.drop_resting(&mut trace, Reason::QueueFull);
        if trace.away > 0 {
            self.traces.push_front(trace);
        }
        lost
    }

    fn drop_resting(&mut self, trace: &mut Trace, reason: Reason) -> usize {
        let lost = trace.resting();
        let bytes = trace.finished_bytes
            + trace
                .encoded
                .iter()
                .map(|body| body.bytes().len())
                .sum::<usize>();
        self.spans = self.spans.saturating_sub(lost);
        self.bytes = self.bytes.saturating_sub(bytes);
        trace.finished.clear();
        trace.finished_bytes = 0;
        trace.encoded.clear();
        self.lose(trace.id, reason, lost);
        lost
    }

    fn settle(&mut self, body: &Body) {
        let trace = self.trace_mut(body.trace());
        trace.away = trace.away.saturating_sub(body.spans());
        self.spans = self.spans.saturating_sub(body.spans());
        self.bytes = self.bytes.saturating_sub(body.bytes().len());
    }

    fn lose(&mut self, id: TraceId, reason: Reason, spans: usize) {
        self.losses.add(reason, spans);
        self.count(id, |tally| tally.lost += spans);
    }

    fn count(&mut self, id: TraceId, add: impl Fn(&mut Tally)) {
        for (_, of, tally) in &mut self.tickets {
            if of.is_none_or(|of| of == id) {
                add(tally);
            }
        }
    }

    fn trace_mut(&mut self, id: TraceId) -> &mut Trace {
        // From the back: spans end in the traces that began last.
        let known = self.traces.iter().rposition(|trace| trace.id == id);
        let at = known.unwrap_or_else(|| {
            self.traces.push_back(Trace::new(id));
            self.traces.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "`at` was just found or pushed")]
        &mut self.traces[at]
    }

    fn forget_empty(&mut self) {
        self.traces.retain(|trace| trace.spans() > 0);
        if self.traces.is_empty() {
            // The halves of a split body repeat its resource, so the sum may have drifted.
            (self.spans, self.bytes) = (0, 0);
        }
    }
}

impl Trace {
    fn new(id: TraceId) -> Self {
        Self {
            id,
            finished: Vec::new(),
            finished_bytes: 0,
            encoded: VecDeque::new(),
            away: 0,
        }
    }

    /// Spans that are neither being encoded nor sent.
    fn resting(&self) -> usize {
        self.finished.len() + self.encoded.iter().map(Body::spans).sum::<usize>()
    }

    fn spans(&self) -> usize {
        self.resting() + self.away
    }
}

/// Encoding more spans in one go would keep the runtime too long.
const MAX_SPANS_A_BODY: usize = 256;

/// What a span takes in memory, in bytes: its own size and that of its texts.
fn estimated_bytes(span: &SpanData) -> usize {
    let attributes: usize = span.attributes.iter().map(attribute_bytes).sum();
    let events: usize = span
        .events
        .iter()
        .map(|event| event.name.len() + event.attributes.iter().map(attribute_bytes).sum::<usize>())
        .sum();
    size_of::<SpanData>() + span.name.len() + attributes + events
}

fn attribute_bytes(attribute: &KeyValue) -> usize {
    let text = match &attribute.value {
        Value::String(text) => text.as_str().len(),
        Value::Array(opentelemetry::Array::String(texts)) => {
            texts.iter().map(|text| text.as_str().len()).sum()
        }
        _ => 0,
    };
    size_of::<KeyValue>() + text
}
