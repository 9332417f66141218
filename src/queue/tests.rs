//! Whatever happens in whatever order, each span is held, delivered, lost or left out: once.

use std::{borrow::Cow, collections::VecDeque, time::SystemTime};

use opentelemetry::{
    KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use proptest::prelude::*;

use super::{
    Body, Bounds, Reason, TailRule,
    state::{State, Ticket},
};
use crate::observation::attributes;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A root begins, where traces are decided at their end.
    Begin(u8),
    Push {
        trace: u8,
        is_root: bool,
        failed: bool,
        bytes: u16,
    },
    Score {
        trace: u8,
        subject: u8,
    },
    Encode(Option<u8>),
    /// The oldest encoding comes back, with a body or without.
    Encoded(bool),
    Take(u16),
    /// The oldest batch is settled.
    Deliver(u8),
    Lose,
    PutBack,
    Release,
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let trace = 0..4_u8;
    let step = prop_oneof![
        2 => trace.clone().prop_map(Step::Begin),
        8 => (trace.clone(), any::<bool>(), any::<bool>(), 0..600_u16).prop_map(
            |(trace, is_root, failed, bytes)| Step::Push { trace, is_root, failed, bytes }
        ),
        2 => (trace.clone(), trace.clone()).prop_map(|(trace, subject)| Step::Score { trace, subject }),
        4 => proptest::option::of(trace).prop_map(Step::Encode),
        4 => any::<bool>().prop_map(Step::Encoded),
        4 => (0..400_u16).prop_map(Step::Take),
        3 => (0..4_u8).prop_map(Step::Deliver),
        1 => Just(Step::Lose),
        2 => Just(Step::PutBack),
        1 => Just(Step::Release),
    ];
    // At most one close, somewhere near the end.
    (proptest::collection::vec(step, 0..80), any::<bool>()).prop_map(|(mut steps, closes)| {
        if closes {
            let at = steps.len() - steps.len() / 4;
            steps.insert(at, Step::Close);
        }
        steps
    })
}

fn id(trace: u8) -> TraceId {
    TraceId::from(u128::from(trace) + 1)
}

fn span(trace: u8, is_root: bool, failed: bool, bytes: usize) -> SpanData {
    let mut attributes = vec![KeyValue::new("text", "x".repeat(bytes))];
    if is_root {
        attributes.push(KeyValue::new(attributes::IS_APP_ROOT, true));
    }
    let status = if failed {
        Status::error("failed")
    } else {
        Status::Unset
    };
    let now = SystemTime::UNIX_EPOCH;
    SpanData {
        span_context: SpanContext::new(
            id(trace),
            SpanId::from(1),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Borrowed("span"),
        start_time: now,
        end_time: now,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: opentelemetry::InstrumentationScope::default(),
    }
}

/// A queue, what is outside of it at the moment, and what has been counted.
struct Model {
    state: State,
    encoding: VecDeque<(TraceId, usize)>,
    batches: VecDeque<Vec<Body>>,
    pushed: usize,
    delivered: usize,
    ticket: Ticket,
}

impl Model {
    fn new(rule: Option<TailRule>) -> Self {
        let bounds = Bounds {
            spans: 12,
            bytes: 6000,
        };
        let mut state = State::new(bounds, rule);
        let ticket = state.open_ticket(None);
        Self {
            state,
            encoding: VecDeque::new(),
            batches: VecDeque::new(),
            pushed: 0,
            delivered: 0,
            ticket,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Begin(trace) => self
                .state
                .begin(id(trace), SpanId::from(u64::from(trace) + 1)),
            Step::Push {
                trace,
                is_root,
                failed,
                bytes,
            } => {
                self.pushed += 1;
                self.state.push(span(trace, is_root, failed, bytes.into()));
            }
            Step::Score { trace, subject } => {
                self.pushed += 1;
                self.state
                    .push_body(Body::score(id(trace), id(subject), "{}".to_owned()));
            }
            Step::Encode(of) => {
                let taken = self.state.take_finished(of.map(id));
                self.encoding
                    .extend(taken.map(|(id, spans)| (id, spans.len())));
            }
            Step::Encoded(well) => {
                if let Some((id, count)) = self.encoding.pop_front() {
                    let body = well.then(|| Body::new(id, vec![0; 20 * count].into(), count));
                    self.state.put_encoded(id, count, body);
                }
            }
            Step::Take(max) => {
                let bodies = self.state.take_bodies(max.into());
                self.batches.extend((!bodies.is_empty()).then_some(bodies));
            }
            Step::Deliver(rejected) => {
                if let Some(bodies) = self.batches.pop_front() {
                    let spans: usize = bodies.iter().map(Body::spans).sum();
                    self.delivered += spans.saturating_sub(rejected.into());
                    self.state.settle_delivered(&bodies, rejected.into());
                }
            }
            Step::Lose => {
                if let Some(bodies) = self.batches.pop_front() {
                    self.state.settle_lost(&bodies, Reason::Refused);
                }
            }
            Step::PutBack => {
                if let Some(bodies) = self.batches.pop_front() {
                    self.state.put_back(bodies);
                }
            }
            Step::Release => self.state.release(),
            Step::Close => _ = self.state.close(),
        }
    }

    /// Spans that were neither delivered nor lost nor left out are here, no more and no fewer.
    fn check(&mut self) -> Result<(), TestCaseError> {
        let tally = self.state.tally(self.ticket);
        let lost = self.state.losses().total();
        prop_assert_eq!((tally.delivered, tally.lost), (self.delivered, lost));
        let gone = self.delivered + lost + self.state.sampled_out();
        prop_assert_eq!(self.pushed - gone, self.state.held_in_all());
        prop_assert!(self.state.held(None) <= self.state.held_in_all());
        Ok(())
    }

    /// Everything outside comes back, and everything leaves.
    fn drain(&mut self) -> Result<(), TestCaseError> {
        self.step(Step::Release);
        while !self.encoding.is_empty() {
            self.step(Step::Encoded(true));
        }
        while !self.batches.is_empty() {
            self.step(Step::PutBack);
        }
        // Each round takes at least one.
        for _ in 0..=self.state.held(None) {
            self.step(Step::Encode(None));
            self.step(Step::Encoded(true));
            self.step(Step::Take(u16::MAX));
            self.step(Step::Deliver(0));
        }
        self.check()?;
        prop_assert_eq!(self.state.held_in_all(), 0);
        Ok(())
    }
}

fn run(rule: Option<TailRule>, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model = Model::new(rule);
    for step in steps {
        model.step(step);
        model.check()?;
    }
    model.drain()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_span_is_lost_uncounted(steps in steps()) {
        run(None, steps)?;
    }

    #[test]
    fn nor_where_traces_are_decided_at_their_end(steps in steps()) {
        run(Some(TailRule { errors: true, slower_than: None, rate: 0.0 }), steps)?;
    }
}
