//! Which faults a server commits next.

use std::collections::VecDeque;

use super::shared::Shared;

/// Faults for the next requests, then a fault for all others, if any.
#[derive(Debug)]
pub(crate) struct FaultPlan<F>(Shared<Planned<F>>);

#[derive(Debug)]
struct Planned<F> {
    next: VecDeque<F>,
    always: Option<F>,
}

impl<F: Clone> FaultPlan<F> {
    pub(crate) fn new() -> Self {
        Self(Shared::new(Planned {
            next: VecDeque::new(),
            always: None,
        }))
    }

    /// Commits `fault` on every request that has no fault of its own.
    pub(crate) fn always(&self, fault: F) {
        self.0.lock().always = Some(fault);
    }

    /// Queues `fault` for `count` requests.
    pub(crate) fn next(&self, count: usize, fault: &F) {
        self.0
            .lock()
            .next
            .extend(std::iter::repeat_n(fault.clone(), count));
    }

    /// Forgets every planned fault.
    pub(crate) fn clear(&self) {
        let mut planned = self.0.lock();
        planned.next.clear();
        planned.always = None;
    }

    /// The fault to commit on this request.
    pub(crate) fn take(&self) -> Option<F> {
        let mut planned = self.0.lock();
        planned.next.pop_front().or_else(|| planned.always.clone())
    }
}

impl<F> Clone for FaultPlan<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
