//! The observations of one trace.

use std::fmt;
use std::time::Duration;

use super::{outline, people, shape};
use crate::testkit::langfuse::Observation;

/// The observations of one trace. Prints as its [`tree`](Self::tree).
#[derive(Clone, Debug)]
pub struct Trace {
    observations: Vec<Observation>,
}

impl Trace {
    /// Groups observations by trace, in order of their first appearance. Of several with the same id
    /// the last one counts, in the place of the first.
    pub fn collect(observations: impl IntoIterator<Item = Observation>) -> Vec<Self> {
        let mut traces: Vec<Self> = Vec::new();
        for observation in observations {
            match traces
                .iter_mut()
                .find(|trace| trace.trace_id() == observation.trace_id)
            {
                Some(trace) => trace.put(observation),
                None => traces.push(Self {
                    observations: vec![observation],
                }),
            }
        }
        traces
    }

    /// 32 lower-case hex digits.
    pub fn trace_id(&self) -> &str {
        self.observations
            .first()
            .map_or("", |observation| &observation.trace_id)
    }

    /// Every observation, in order of arrival.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// The first observation whose parent is not in this trace.
    pub fn root(&self) -> Option<&Observation> {
        shape::roots(&self.observations).into_iter().next()
    }

    /// The first observation with this name.
    pub fn find(&self, name: &str) -> Option<&Observation> {
        self.observations
            .iter()
            .find(|observation| observation.name == name)
    }

    /// The observations directly below `parent`, by start time, then by name.
    pub fn children(&self, parent: &Observation) -> Vec<&Observation> {
        shape::children(&self.observations, parent)
    }

    /// From the earliest start to the latest end.
    pub fn duration(&self) -> Duration {
        let start = self
            .observations
            .iter()
            .map(|observation| observation.start)
            .min();
        let end = self
            .observations
            .iter()
            .map(|observation| observation.end)
            .max();
        start
            .zip(end)
            .and_then(|(start, end)| end.duration_since(start).ok())
            .unwrap_or_default()
    }

    /// The tree for people: durations, models, tokens, cold or warm, levels, a line of each text.
    pub fn tree(&self) -> String {
        people::tree(&self.observations)
    }

    /// The tree for tests: names, types, levels and status messages, the same in every run.
    pub fn outline(&self) -> String {
        self.outline_with(&[])
    }

    /// The tree for tests, with `key=value` for those of `attributes` that an observation has.
    pub fn outline_with(&self, attributes: &[&str]) -> String {
        outline::outline(&self.observations, attributes)
    }

    fn put(&mut self, observation: Observation) {
        match self
            .observations
            .iter_mut()
            .find(|known| known.span_id == observation.span_id)
        {
            Some(known) => *known = observation,
            None => self.observations.push(observation),
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tree().trim_end())
    }
}
