//! One invocation, as client and platform saw it.

use std::fmt;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use crate::testkit::Moment;

/// One invocation, as client and platform saw it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invocation {
    /// The request id that the function was given.
    pub request_id: String,
    /// Whether it is the first of its execution environment.
    pub cold: bool,
    /// For a cold one, how long INIT took: from the spawn until the runtime and every extension had
    /// asked for their next event.
    pub init: Option<Duration>,
    /// What the client gets.
    pub result: Result<Bytes, FunctionError>,
    /// How the function answered; `None` where it did not.
    pub response: Option<Response>,
    /// When everything happened.
    pub timeline: Timeline,
    /// How the phase ended.
    pub end: PhaseEnd,
}

impl Invocation {
    /// What the client waited for: from delivery to the end of the response, INIT not included. Where
    /// the function did not answer, until its end.
    pub fn client_latency(&self) -> Duration {
        self.timeline
            .responded
            .unwrap_or(self.timeline.ended)
            .since(self.timeline.delivered)
    }

    /// What is billed of the invocation: from delivery until the runtime and every extension had asked
    /// for what comes next. INIT not included.
    pub fn phase_duration(&self) -> Duration {
        self.timeline.ended.since(self.timeline.delivered)
    }
}

/// How the function answered.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Response {
    /// Whether it was sent with `Lambda-Runtime-Function-Response-Mode: streaming`. Such a body may
    /// begin with a JSON prelude (status, headers, cookies) and eight NUL bytes.
    pub streaming: bool,
    /// The headers of the function's POST.
    pub headers: HeaderMap,
}

/// What a client gets instead of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionError {
    /// For example `Runtime.ExitError`, `Sandbox.Timedout`, or what the runtime reported.
    pub error_type: String,
    /// The message.
    pub message: String,
    /// The whole report, as JSON.
    pub raw: Bytes,
    /// What the client had received of a streamed response before.
    pub partial: Bytes,
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, self.message)
    }
}

impl std::error::Error for FunctionError {}

/// When everything happened in an invocation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Timeline {
    /// The event was handed to the runtime (after a thaw, if there was one).
    pub delivered: Moment,
    /// The head of the function's answer had arrived.
    pub response_started: Option<Moment>,
    /// The function's answer had arrived completely: what the client waits for.
    pub responded: Option<Moment>,
    /// The runtime asked for its next event.
    pub runtime_next: Option<Moment>,
    /// The runtime and every extension had asked for what comes next, or the process was gone.
    pub ended: Moment,
    /// The process group was about to be stopped: what arrived anywhere before this moment was sent
    /// before the freeze. `None` where it was not stopped: freezing is off, another invocation was
    /// still running or waiting, or the process was gone.
    pub frozen: Option<Moment>,
}

/// How an invocation's phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseEnd {
    /// The runtime and every extension asked for what comes next.
    Idle,
    /// The function's time was over, and it was killed. Its client may have had its response before.
    TimedOut,
    /// The process exited. Its client may have had its response before.
    Exited(ExitStatus),
}
