//! Sends what the queue holds, within a budget, on the caller's runtime.
//!
//! Flushes that overlap take turns at the one connection, and whoever has the turn carries what
//! everybody has by then: a flush that waited usually finds its spans delivered.

use std::{
    io::Write as _,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use flate2::{Compression, write::GzEncoder};
use http::{Response, StatusCode};
use opentelemetry::trace::TraceId;
use tokio::{sync::oneshot, time::Instant};

use super::{
    Connections, Encoder, FlushReport,
    answer::Answer,
    health::{Health, TOLERATED_FAILURES},
};
use crate::{
    diagnostics,
    error::Error,
    queue::{Batch, Body, BodyKind, Queue, Reason},
};

/// Whether a flush that meets a busy back-end waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// One attempt: what fails is kept for the next invocation.
    Prompt,
    /// Attempts until the budget is spent: there is no next invocation.
    Persistent,
}

/// The queue, and the way out of it.
#[derive(Debug)]
pub(crate) struct Delivery {
    queue: Queue,
    encoder: Encoder,
    lane: Lane,
    health: Mutex<Health>,
    /// `None`: compress when it pays.
    gzip: Option<bool>,
    debug: bool,
}

impl Delivery {
    pub(crate) fn new(
        queue: Queue,
        encoder: Encoder,
        connections: Connections,
        gzip: Option<bool>,
        debug: bool,
    ) -> Self {
        let lane = Lane {
            connections,
            turn: tokio::sync::Mutex::new(()),
        };
        Self {
            queue,
            encoder,
            lane,
            health: Mutex::default(),
            gzip,
            debug,
        }
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.lane.connections
    }

    /// Whether the user wants to know what happens.
    pub(crate) fn debug(&self) -> bool {
        self.debug
    }

    /// Encodes what has ended, while there is time to spare.
    pub(crate) fn encode(&self, trace: TraceId) {
        self.queue.encode(Some(trace), &self.encoder);
    }

    /// Whether the last flushes failed, so that invocations hardly wait.
    pub(crate) fn is_failing(&self) -> bool {
        self.health().is_failing()
    }

    /// The flush of an invocation: it does not wait for a back-end that just failed twice. One that
    /// recorded nothing, or was not sampled, sends what earlier ones could not.
    pub(crate) async fn flush_invocation(&self, trace: TraceId, budget: Duration) -> FlushReport {
        let of = Some(trace).filter(|trace| self.queue.held(Some(*trace)) > 0);
        let cooling_down = self.queue.held(of) > 0 && self.health().is_cooling_down(Instant::now());
        if cooling_down || budget.is_zero() {
            let report = FlushReport {
                kept: self.queue.held(Some(trace)),
                waiting: self.queue.held(None),
                skipped: true,
                ..FlushReport::default()
            };
            diagnostics::debug(self.debug, format_args!("flush skipped: {report}"));
            return report;
        }
        self.flush(of, budget, Patience::Prompt).await
    }

    /// Sends the spans of `trace`, or all, and whatever else is held. Never takes longer than
    /// `budget`, wherever it runs.
    pub(crate) async fn flush(
        &self,
        trace: Option<TraceId>,
        budget: Duration,
        patience: Patience,
    ) -> FlushReport {
        self.flush_in(&self.lane, trace, budget, patience).await
    }

    /// Sends everything from a thread with a runtime of its own and waits for it, at most
    /// `budget`. For synchronous callers, whose runtime, if any, stands still meanwhile.
    pub(crate) fn flush_on_thread(
        self: &Arc<Self>,
        budget: Duration,
        patience: Patience,
    ) -> FlushReport {
        let (done, report) = mpsc::sync_channel(1);
        match self.spawn_flush(budget, patience, move |report| drop(done.send(report))) {
            // The thread keeps to the budget; the margin covers its start and end.
            Ok(()) => report
                .recv_timeout(budget + THREAD_MARGIN)
                .unwrap_or_else(|_| self.timed_out(budget)),
            Err(error) => self.failed(error),
        }
    }

    /// Like [`flush_on_thread`](Self::flush_on_thread), awaited from outside of Tokio.
    pub(crate) async fn flush_from_outside(
        self: &Arc<Self>,
        budget: Duration,
        patience: Patience,
    ) -> FlushReport {
        let (done, report) = oneshot::channel();
        match self.spawn_flush(budget, patience, move |report| drop(done.send(report))) {
            Ok(()) => report.await.unwrap_or_else(|_| self.timed_out(budget)),
            Err(error) => self.failed(error),
        }
    }

    /// Asks the back-end which project the keys belong to; `None` where it cannot be asked. The
    /// answer's body is Langfuse's list of projects. Works outside of Tokio too.
    ///
    /// # Errors
    ///
    /// No answer within `budget`, or one that is not a success.
    pub(crate) async fn projects(
        self: &Arc<Self>,
        budget: Duration,
    ) -> Option<Result<Bytes, Error>> {
        if tokio::runtime::Handle::try_current().is_ok() {
            return self.projects_in(&self.lane, budget).await;
        }
        let (done, answer) = oneshot::channel();
        let asked = self.on_own_runtime(async move |delivery: &Self, lane: &Lane| {
            drop(done.send(delivery.projects_in(lane, budget).await));
        });
        match asked {
            Ok(()) => answer
                .await
                .unwrap_or_else(|_| Some(Err(self.timeout_error(budget)))),
            Err(error) => Some(Err(error)),
        }
    }

    async fn projects_in(&self, lane: &Lane, budget: Duration) -> Option<Result<Bytes, Error>> {
        let connections = &lane.connections;
        let endpoint = connections.endpoint();
        endpoint.projects_request()?;
        let request = || endpoint.projects_request().unwrap_or_default();
        let answer = tokio::time::timeout(budget, connections.send(request, budget / 2)).await;
        Some(match answer {
            Err(_) => Err(self.timeout_error(budget)),
            Ok(Err(error)) => Err(error),
            Ok(Ok(response)) => match Answer::of(endpoint.host(), &response) {
                Answer::Delivered { .. } => Ok(response.into_body()),
                Answer::Later { error, .. }
                | Answer::Split { error }
                | Answer::Refused { error } => Err(error),
            },
        })
    }

    fn spawn_flush(
        self: &Arc<Self>,
        budget: Duration,
        patience: Patience,
        done: impl FnOnce(FlushReport) + Send + 'static,
    ) -> Result<(), Error> {
        self.on_own_runtime(async move |delivery: &Self, lane: &Lane| {
            done(delivery.flush_in(lane, None, budget, patience).await);
        })
    }

    /// Does some work on a thread with a runtime and connections of its own.
    pub(super) fn on_own_runtime<W>(self: &Arc<Self>, work: W) -> Result<(), Error>
    where
        W: AsyncFnOnce(&Self, &Lane) + Send + 'static,
    {
        let delivery = Arc::clone(self);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::thread)?;
        let thread = std::thread::Builder::new()
            .name("warmspan".to_owned())
            .spawn(move || {
                let lane = delivery.lane.sibling();
                runtime.block_on(work(&delivery, &lane));
                // A name look-up that hangs must not hold the thread.
                runtime.shutdown_background();
            });
        thread.map(drop).map_err(Error::thread)
    }

    pub(super) async fn flush_in(
        &self,
        lane: &Lane,
        trace: Option<TraceId>,
        budget: Duration,
        patience: Patience,
    ) -> FlushReport {
        let started = Instant::now();
        let watch = self.queue.watch(trace);
        let mut report = FlushReport::default();
        if self.queue.held(trace) > 0 {
            let sending = self.send_all(lane, trace, budget, patience, &mut report);
            let outcome = match tokio::time::timeout(budget, sending).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Error::timeout(lane.connections.endpoint().host(), budget)),
            };
            self.record(&mut report, outcome, started, budget);
        }
        let tally = watch.tally();
        report.delivered = tally.delivered;
        report.lost = tally.lost;
        report.kept = self.queue.held(trace);
        report.waiting = self.queue.held(None);
        report.elapsed = started.elapsed();
        if let Some(trace) = trace {
            diagnostics::debug(self.debug, format_args!("flush of trace {trace}: {report}"));
        } else {
            diagnostics::debug(self.debug, format_args!("flush: {report}"));
        }
        report
    }

    fn record(
        &self,
        report: &mut FlushReport,
        outcome: Result<(), Error>,
        started: Instant,
        budget: Duration,
    ) {
        let Err(error) = outcome else {
            self.health().record(started, Instant::now(), true);
            return;
        };
        // A flush that had hardly any time says nothing of the back-end.
        let tells = !error.is_timeout() || budget >= TELLING_BUDGET;
        let failures = if tells {
            self.health().record(started, Instant::now(), false)
        } else {
            None
        };
        if failures == Some(1) {
            diagnostics::warn(format_args!("spans are kept for the next flush: {error}"));
        } else if failures == Some(TOLERATED_FAILURES) {
            diagnostics::warn(format_args!(
                "the back-end failed {TOLERATED_FAILURES} times in a row; responses no longer wait for it, and one \
                 flush in 30 s tries again: {error}"
            ));
        }
        report.last_error = Some(error);
    }

    /// Until nothing of `trace` is held any more. An error leaves the rest in the queue.
    async fn send_all(
        &self,
        lane: &Lane,
        trace: Option<TraceId>,
        budget: Duration,
        patience: Patience,
        report: &mut FlushReport,
    ) -> Result<(), Error> {
        let mut backoff = FIRST_BACKOFF;
        loop {
            // Encoding before the turn comes shares the work with the wait.
            self.encode_all().await;
            let turn = lane.turn.lock().await;
            if self.queue.held(trace) == 0 {
                return Ok(());
            }
            let later = match self.postponed() {
                Some(postponed) => Some(postponed),
                None => self.send_one_request(lane, budget, report).await,
            };
            drop(turn);
            if let Some((wait, error)) = later {
                if patience == Patience::Prompt {
                    return Err(error);
                }
                report.last_error = Some(error);
                tokio::time::sleep(wait.max(backoff)).await;
                backoff = (backoff * 2).min(LAST_BACKOFF);
            } else {
                report.last_error = report
                    .last_error
                    .take()
                    .filter(|error| !is_transient(error));
            }
        }
    }

    /// Encodes what has ended, and lets others run, and the budget end, in between.
    async fn encode_all(&self) {
        while self.queue.encode_some(None, &self.encoder) {
            tokio::task::yield_now().await;
        }
    }

    fn postponed(&self) -> Option<(Duration, Error)> {
        self.health().postponed(Instant::now())
    }

    /// One request with as much as fits. Returns how long to wait before the next, and why, when
    /// the back-end is not to be had.
    async fn send_one_request(
        &self,
        lane: &Lane,
        budget: Duration,
        report: &mut FlushReport,
    ) -> Option<(Duration, Error)> {
        self.encode_all().await;
        let Some(batch) = self.queue.take(MAX_REQUEST_BYTES) else {
            // All that is held is being encoded or carried by another lane at this moment.
            tokio::time::sleep(WAIT_FOR_OTHERS).await;
            return None;
        };
        let mut to_send = vec![batch];
        while let Some(batch) = to_send.pop() {
            match self.send_batch(lane, &batch, budget, report).await {
                Err(error) => return Some((Duration::ZERO, error)),
                Ok(Answer::Delivered { rejected }) => {
                    if rejected > 0 {
                        diagnostics::warn(format_args!("the back-end rejected {rejected} spans"));
                    }
                    batch.delivered(rejected);
                }
                Ok(Answer::Later { retry_after, error }) => {
                    let wait = retry_after.unwrap_or_default();
                    if !wait.is_zero() {
                        self.health().postpone(Instant::now() + wait, error.clone());
                    }
                    if error.status() == Some(StatusCode::INTERNAL_SERVER_ERROR) {
                        batch.failed(Reason::Refused);
                    }
                    return Some((wait, error));
                }
                Ok(Answer::Split { error }) => {
                    let spans = batch.spans();
                    let too_large = error.status() == Some(StatusCode::PAYLOAD_TOO_LARGE);
                    let reason = if too_large {
                        Reason::TooLarge
                    } else {
                        Reason::Refused
                    };
                    if let Some((first, second)) = batch.split(reason) {
                        to_send.push(second);
                        to_send.push(first);
                    } else {
                        diagnostics::warn(format_args!("{spans} span is lost: {error}"));
                        report.last_error = Some(error);
                    }
                }
                Ok(Answer::Refused { error }) => {
                    diagnostics::warn(format_args!("{} spans are lost: {error}", batch.spans()));
                    batch.lost(Reason::Refused);
                    report.last_error = Some(error);
                }
            }
        }
        None
    }

    async fn send_batch(
        &self,
        lane: &Lane,
        batch: &Batch<'_>,
        budget: Duration,
        report: &mut FlushReport,
    ) -> Result<Answer, Error> {
        let endpoint = lane.connections.endpoint();
        let is_scores = batch.kind() == BodyKind::Score;
        let plain = if is_scores {
            score_batch(batch.bodies())
        } else {
            concatenated(batch.bodies())
        };
        let plain_bytes = plain.len();
        let compress = self
            .gzip
            .unwrap_or(plain_bytes > FIRST_FLIGHT_BYTES && !endpoint.is_loopback())
            && !is_scores;
        let (body, gzipped) = if compress {
            gzip(plain).await
        } else {
            (plain, false)
        };
        let sent_bytes = body.len();
        report.requests += 1;
        report.bytes += sent_bytes;
        // Made anew for a repetition, which is rare; most requests are made once.
        let request = || match endpoint.ingestion_request(body.clone()) {
            Some(request) if is_scores => request,
            _ => endpoint.traces_request(body.clone(), gzipped),
        };
        let started = Instant::now();
        let response = lane.connections.send(request, budget / 2).await;
        let outcome = Outcome(response.as_ref());
        diagnostics::debug(
            self.debug,
            format_args!(
                "POST to {}: {} {}, {sent_bytes} bytes ({plain_bytes} before compression): {outcome} after {:.1} ms",
                endpoint.host(),
                batch.spans(),
                if is_scores { "scores" } else { "spans" },
                started.elapsed().as_secs_f64() * 1e3,
            ),
        );
        let response = response?;
        Ok(if is_scores {
            Answer::to_scores(endpoint.host(), &response)
        } else {
            Answer::of(endpoint.host(), &response)
        })
    }

    fn timed_out(&self, budget: Duration) -> FlushReport {
        self.failed(self.timeout_error(budget))
    }

    fn timeout_error(&self, budget: Duration) -> Error {
        Error::timeout(self.lane.connections.endpoint().host(), budget)
    }

    fn failed(&self, error: Error) -> FlushReport {
        FlushReport {
            kept: self.queue.held(None),
            waiting: self.queue.held(None),
            last_error: Some(error),
            ..FlushReport::default()
        }
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections of one runtime, and whose turn it is to use them.
#[derive(Debug)]
pub(super) struct Lane {
    connections: Connections,
    turn: tokio::sync::Mutex<()>,
}

impl Lane {
    fn sibling(&self) -> Self {
        Self {
            connections: self.connections.sibling(),
            turn: tokio::sync::Mutex::new(()),
        }
    }
}

/// More than this goes into a further request.
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// What TCP sends before it waits for the first acknowledgement: ten segments (RFC 6928). A body
/// that fits is not worth compressing, a larger one costs round trips.
const FIRST_FLIGHT_BYTES: usize = 10 * 1460;

/// About half a millisecond of work.
const GZIP_PIECE_BYTES: usize = 64 * 1024;

/// A timeout of less says nothing of the back-end.
const TELLING_BUDGET: Duration = Duration::from_millis(100);

const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LAST_BACKOFF: Duration = Duration::from_secs(2);
const WAIT_FOR_OTHERS: Duration = Duration::from_millis(1);
const THREAD_MARGIN: Duration = Duration::from_millis(250);

/// Concatenated protobuf messages are one message with the repeated fields of all.
fn concatenated(bodies: &[Body]) -> Bytes {
    if let [only] = bodies {
        return only.bytes().clone();
    }
    let mut all = BytesMut::with_capacity(bodies.iter().map(|body| body.bytes().len()).sum());
    for body in bodies {
        all.extend_from_slice(body.bytes());
    }
    all.freeze()
}

/// The body of `POST /api/public/ingestion`.
fn score_batch(events: &[Body]) -> Bytes {
    let mut batch = BytesMut::from(r#"{"batch":["#);
    for (number, event) in events.iter().enumerate() {
        if number > 0 {
            batch.extend_from_slice(b",");
        }
        batch.extend_from_slice(event.bytes());
    }
    batch.extend_from_slice(b"]}");
    batch.freeze()
}

/// In pieces, so that the runtime and the budget get their turn.
async fn gzip(plain: Bytes) -> (Bytes, bool) {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 2), Compression::fast());
    for piece in plain.chunks(GZIP_PIECE_BYTES) {
        if encoder.write_all(piece).is_err() {
            return (plain, false);
        }
        tokio::task::yield_now().await;
    }
    match encoder.finish() {
        Ok(compressed) => (compressed.into(), true),
        Err(_) => (plain, false),
    }
}

/// An error that a later success makes irrelevant.
fn is_transient(error: &Error) -> bool {
    error.is_connect()
        || error.is_timeout()
        || error
            .status()
            .is_some_and(|s| s.as_u16() == 429 || s.is_server_error())
}

struct Outcome<'a>(Result<&'a Response<Bytes>, &'a Error>);

impl std::fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Ok(response) => write!(f, "{}", response.status()),
            Err(error) => write!(f, "{error}"),
        }
    }
}
