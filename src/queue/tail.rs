//! Sampling at the end of a trace, when it is known how it went.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use opentelemetry::{
    KeyValue, Value,
    trace::{SpanId, SpanKind, Status, TraceId},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _, SpanData};

use crate::{Level, observation::attributes};

/// Which traces are kept whatever the sampling says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TailRule {
    pub(crate) errors: bool,
    pub(crate) slower_than: Option<Duration>,
    /// The share of the others, from 0 to 1.
    pub(crate) rate: f64,
}

/// The traces whose roots are open, and what became of the last ones.
#[derive(Debug)]
pub(super) struct Tail {
    rule: TailRule,
    open: HashMap<TraceId, Open>,
    /// The newest last. A span may end, and a score come, after the root.
    decided: VecDeque<(TraceId, Decision)>,
}

#[derive(Debug, Default)]
struct Open {
    roots: Vec<SpanId>,
    is_notable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Keep,
    LeaveOut,
}

impl Tail {
    pub(super) fn new(rule: TailRule) -> Self {
        Self {
            rule,
            open: HashMap::new(),
            decided: VecDeque::new(),
        }
    }

    /// A root of this trace begins: the trace is held back until all of its roots have ended.
    pub(super) fn begin(&mut self, trace: TraceId, root: SpanId) {
        self.open.entry(trace).or_default().roots.push(root);
    }

    pub(super) fn is_undecided(&self, trace: TraceId) -> bool {
        self.open.contains_key(&trace)
    }

    /// Whether what belongs to this trace is not sent.
    pub(super) fn is_left_out(&self, trace: TraceId) -> bool {
        !self.is_undecided(trace) && self.decision(trace) == Some(Decision::LeaveOut)
    }

    /// A span has ended. Returns what becomes of it; `None` as long as that is undecided.
    pub(super) fn ended(&mut self, span: &SpanData) -> Option<Decision> {
        let (trace, id) = (span.span_context.trace_id(), span.span_context.span_id());
        let open = self.open.get(&trace);
        let is_root = flag(&span.attributes, attributes::IS_APP_ROOT)
            || open.is_some_and(|open| open.roots.contains(&id));
        let is_notable = self.rule.errors && is_error(span)
            || is_root
                && self
                    .rule
                    .slower_than
                    .is_some_and(|limit| duration(span) >= limit);
        if let Some(open) = self.open.get_mut(&trace) {
            open.is_notable |= is_notable;
            return self.close(trace, id);
        }
        match self.decision(trace) {
            // What ends after its root goes the same way, but for an error.
            Some(Decision::LeaveOut) if !is_notable => Some(Decision::LeaveOut),
            // Nobody saw its root begin, or it is forgotten.
            _ => Some(self.decide(trace, is_notable)),
        }
    }

    /// What began as a root is none after all. Returns what becomes of its trace, as above.
    pub(super) fn withdraw(&mut self, trace: TraceId, root: SpanId) -> Option<Decision> {
        self.close(trace, root)
    }

    /// One root less. With the last one the trace is decided.
    fn close(&mut self, trace: TraceId, root: SpanId) -> Option<Decision> {
        let open = self.open.get_mut(&trace)?;
        open.roots.retain(|open| *open != root);
        if !open.roots.is_empty() {
            return None;
        }
        let is_notable = open.is_notable;
        self.open.remove(&trace);
        Some(self.decide(trace, is_notable))
    }

    fn decide(&mut self, trace: TraceId, is_notable: bool) -> Decision {
        let known = self.decided.iter_mut().rev().find(|(id, _)| *id == trace);
        let was_kept = known
            .as_ref()
            .is_some_and(|(_, decision)| *decision == Decision::Keep);
        let is_unknown = known.is_none();
        let decision = if is_notable || was_kept || is_unknown && self.is_sampled(trace) {
            Decision::Keep
        } else {
            Decision::LeaveOut
        };
        if let Some(known) = self.decided.iter_mut().rev().find(|(id, _)| *id == trace) {
            known.1 = decision;
            return decision;
        }
        if self.decided.len() == REMEMBERED {
            self.decided.pop_front();
        }
        self.decided.push_back((trace, decision));
        decision
    }

    /// Holds nothing back any more: there is no later.
    pub(super) fn release(&mut self) {
        self.open.clear();
    }

    fn decision(&self, trace: TraceId) -> Option<Decision> {
        let known = self.decided.iter().rev().find(|(id, _)| *id == trace);
        known.map(|(_, decision)| *decision)
    }

    fn is_sampled(&self, trace: TraceId) -> bool {
        let sampler = Sampler::TraceIdRatioBased(self.rule.rate);
        let result = sampler.should_sample(None, trace, "", &SpanKind::Internal, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }
}

fn is_error(span: &SpanData) -> bool {
    let says_so = |attribute: &KeyValue| {
        attribute.key.as_str() == attributes::LEVEL
            && attribute.value.as_str() == Level::Error.as_str()
    };
    matches!(span.status, Status::Error { .. }) || span.attributes.iter().any(says_so)
}

fn duration(span: &SpanData) -> Duration {
    span.end_time
        .duration_since(span.start_time)
        .unwrap_or_default()
}

fn flag(attributes: &[KeyValue], key: &str) -> bool {
    let found = attributes
        .iter()
        .find(|attribute| attribute.key.as_str() == key);
    found.is_some_and(|attribute| attribute.value == Value::Bool(true))
}

/// Decisions that are remembered.
const REMEMBERED: usize = 256;
