//! An event in the hands of the runtime.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::api::Answered;
use super::invocation::{FunctionError, Invocation, PhaseEnd, Timeline};
use crate::testkit::Moment;

/// An event that was delivered, until its phase ends.
pub(super) struct Running {
    pub(super) request_id: String,
    pub(super) cold: bool,
    pub(super) delivered: Moment,
    pub(super) deadline: Instant,
    pub(super) answered: Option<Answered>,
    pub(super) runtime_next: Option<Moment>,
    pub(super) reply: oneshot::Sender<Invocation>,
}

impl Running {
    /// The phase has ended: tells the user.
    pub(super) fn finish(
        self,
        init: Option<Duration>,
        ended: Moment,
        frozen: Option<Moment>,
        end: PhaseEnd,
    ) {
        let timeline = Timeline {
            delivered: self.delivered,
            response_started: self.answered.as_ref().map(|answered| answered.started),
            responded: self.answered.as_ref().map(|answered| answered.at),
            runtime_next: self.runtime_next,
            ended,
            frozen,
        };
        let (result, response) = match self.answered {
            Some(answered) => (answered.result, Some(answered.response)),
            None => (
                Err(no_answer(
                    &self.request_id,
                    end,
                    ended.since(self.delivered),
                )),
                None,
            ),
        };
        let invocation = Invocation {
            cold: self.cold,
            init: init.filter(|_| self.cold),
            request_id: self.request_id,
            result,
            response,
            timeline,
            end,
        };
        // A user who does not wait for it does not want it.
        self.reply.send(invocation).ok();
    }
}

/// What AWS tells a client whose function did not answer.
fn no_answer(request_id: &str, end: PhaseEnd, after: Duration) -> FunctionError {
    let (error_type, what) = match end {
        PhaseEnd::TimedOut => (
            "Sandbox.Timedout",
            format!("Task timed out after {:.2} seconds", after.as_secs_f64()),
        ),
        PhaseEnd::Exited(status) => (
            "Runtime.ExitError",
            format!("Runtime exited with error: {status}"),
        ),
        PhaseEnd::Idle => (
            "Runtime.Unknown",
            "Runtime asked for its next event".to_owned(),
        ),
    };
    let message = format!("RequestId: {request_id} Error: {what}");
    let raw = json!({ "errorType": error_type, "errorMessage": message })
        .to_string()
        .into();
    FunctionError {
        error_type: error_type.to_owned(),
        message,
        raw,
        partial: Bytes::new(),
    }
}
