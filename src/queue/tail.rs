//! Sampling at the end of a trace, when it is known how it went.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use opentelemetry::{
    KeyValue, Value,
    trace::{SpanKind, Status, TraceId},
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
    roots: usize,
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

    /// A root of this trace begins: the trace is held back until it ends.
    pub(super) fn begin(&mut self, trace: TraceId) {
        self.open.entry(trace).or_default().roots += 1;
    }

    pub(super) fn is_undecided(&self, trace: TraceId) -> bool {
        self.open.contains_key(&trace)
    }

    /// Whether what belongs to this trace is not sent.
    pub(super) fn is_left_out(&self, trace: TraceId) -> bool {
        !self.is_undecided(trace) && self.decision(trace) == Some(Decision::LeaveOut)
    }

    /// A span has ended. Returns what becomes of its trace if it was the last open root.
    pub(super) fn ended(&mut self, span: &SpanData) -> Option<Decision> {
        let trace = span.span_context.trace_id();
        let is_root = flag(&span.attributes, attributes::IS_APP_ROOT);
        let is_notable = self.rule.errors && is_error(span)
            || is_root
                && self
                    .rule
                    .slower_than
                    .is_some_and(|limit| duration(span) >= limit);
        let open = self.open.get_mut(&trace);
        let (is_last, is_notable) = match open {
            Some(open) => {
                open.is_notable |= is_notable;
                open.roots = open.roots.saturating_sub(usize::from(is_root));
                (open.roots == 0, open.is_notable)
            }
            // A root of an application's own spans: nobody saw it begin.
            None => (is_root, is_notable),
        };
        if !is_last {
            return None;
        }
        self.open.remove(&trace);
        let was_kept = self.decision(trace) == Some(Decision::Keep);
        let decision = if is_notable || was_kept || self.is_sampled(trace) {
            Decision::Keep
        } else {
            Decision::LeaveOut
        };
        if self.decided.len() == REMEMBERED {
            self.decided.pop_front();
        }
        self.decided.push_back((trace, decision));
        Some(decision)
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
