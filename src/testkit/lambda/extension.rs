//! A registered extension, and the events it has not yet had.

use std::collections::VecDeque;

use serde_json::Value;

use super::api::Reply;

/// A registered extension.
pub(super) struct Extension {
    pub(super) id: String,
    pub(super) name: String,
    invoke: bool,
    parked: Option<Reply<Value>>,
    pending: VecDeque<Value>,
}

impl Extension {
    /// An extension that was told its id; `invoke` if it subscribed to INVOKE.
    pub(super) fn new(id: String, name: String, invoke: bool) -> Self {
        Self {
            id,
            name,
            invoke,
            parked: None,
            pending: VecDeque::new(),
        }
    }

    /// Whether it waits for an event, and there is none.
    pub(super) fn is_idle(&self) -> bool {
        self.parked.is_some() && self.pending.is_empty()
    }

    pub(super) fn invoke(&mut self, event: &Value) {
        if self.invoke {
            self.pending.push_back(event.clone());
            self.send_pending();
        }
    }

    pub(super) fn next(&mut self, reply: Reply<Value>) {
        self.parked = Some(reply);
        self.send_pending();
    }

    fn send_pending(&mut self) {
        if !self.pending.is_empty()
            && let Some(parked) = self.parked.take()
            && let Some(event) = self.pending.pop_front()
            && let Err(Ok(event)) = parked.send(Ok(event))
        {
            // It hung up in this very moment; it gets the event when it asks again.
            self.pending.push_front(event);
        }
    }
}
