//! The in-process Langfuse.

use std::collections::HashSet;
use std::fmt;
use std::future::pending;
use std::io;
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::watch;

use super::decode;
use super::fault::Fault;
use super::observation::Observation;
use super::received::Received;
use super::route::{self, PROJECT_ID};
use crate::testkit::Moment;
use crate::testkit::fault_plan::FaultPlan;
use crate::testkit::loopback::{self, Answer, Hangup, Loopback};
use crate::testkit::shared::Shared;
use crate::testkit::tree::Trace;

/// An in-process Langfuse on a free port of 127.0.0.1, on its own thread. Closed on drop.
pub struct Langfuse {
    server: Loopback,
    state: State,
}

/// What the server's thread and its user share.
#[derive(Clone)]
struct State {
    keys: Keys,
    received: Shared<Vec<Received>>,
    changed: watch::Sender<()>,
    faults: FaultPlan<Fault>,
}

/// The only key pair that is let in.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) public: String,
    pub(super) secret: String,
}

impl Langfuse {
    /// Starts a server with a key pair of its own.
    ///
    /// # Errors
    ///
    /// If no port can be opened or no thread started.
    pub async fn start() -> io::Result<Self> {
        Self::with_keys("pk-lf-testkit", "sk-lf-testkit").await
    }

    /// Starts a server that lets this key pair in.
    ///
    /// # Errors
    ///
    /// If no port can be opened or no thread started.
    pub async fn with_keys(public_key: &str, secret_key: &str) -> io::Result<Self> {
        let state = State {
            keys: Keys {
                public: public_key.to_owned(),
                secret: secret_key.to_owned(),
            },
            received: Shared::default(),
            changed: watch::Sender::new(()),
            faults: FaultPlan::new(),
        };
        let service = state.clone();
        let server = Loopback::start("langfuse", move |request, connection| {
            service.clone().answer(request, connection)
        });
        Ok(Self {
            server: server.await?,
            state,
        })
    }

    /// `http://127.0.0.1:port`, for `LANGFUSE_BASE_URL`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// For `LANGFUSE_PUBLIC_KEY`.
    pub fn public_key(&self) -> &str {
        &self.state.keys.public
    }

    /// For `LANGFUSE_SECRET_KEY`.
    pub fn secret_key(&self) -> &str {
        &self.state.keys.secret
    }

    /// Settings that send here, blind to the environment of the process.
    ///
    /// ```
    /// use warmspan::{Sdk, testkit::langfuse::Langfuse};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let langfuse = Langfuse::start().await?;
    /// let sdk = Sdk::new(langfuse.config());
    /// assert!(sdk.is_enabled());
    /// # Ok(())
    /// # }
    /// ```
    pub fn config(&self) -> crate::Config {
        crate::Config::new()
            .environment_variables(std::iter::empty::<(String, String)>())
            .base_url(self.base_url())
            .public_key(self.public_key())
            .secret_key(self.secret_key())
    }

    /// The id of the only project, as `GET /api/public/projects` tells it.
    pub fn project_id(&self) -> &'static str {
        PROJECT_ID
    }

    /// Commits `fault` on every request from now on, until [`recover`](Self::recover).
    pub fn answer(&self, fault: Fault) {
        self.state.faults.always(fault);
    }

    /// Commits `fault` on the next `count` requests, after those already planned.
    pub fn answer_next(&self, count: usize, fault: &Fault) {
        self.state.faults.next(count, fault);
    }

    /// Forgets every planned fault. Requests that hang go on hanging.
    pub fn recover(&self) {
        self.state.faults.clear();
    }

    /// Ends every connection: idle ones with a FIN now, busy ones after their answer.
    pub fn close_idle_connections(&self) {
        self.server.close_idle();
    }

    /// Closes the port and cuts every connection; clients are refused from now on.
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    /// Opens the same port again after a [`stop`](Self::stop).
    ///
    /// # Errors
    ///
    /// If somebody else has taken the port meanwhile.
    pub async fn restart(&self) -> io::Result<()> {
        self.server.restart().await
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.server.open_connections()
    }

    /// Every request so far, in order of arrival, whatever it was answered.
    pub fn requests(&self) -> Vec<Received> {
        self.state.received.lock().clone()
    }

    /// Every span accepted so far, in order of arrival. One that was sent twice is here twice.
    pub fn observations(&self) -> Vec<Observation> {
        self.state.observations()
    }

    /// What was accepted so far, by trace, in order of arrival. Of a span that was sent twice the last
    /// one counts, as in Langfuse.
    pub fn traces(&self) -> Vec<Trace> {
        Trace::collect(self.observations())
    }

    /// Whether `needle` appears anywhere in what was sent here: in a path, a header, a body as sent or
    /// decompressed. For tests that a secret does not leave.
    pub fn contains(&self, needle: impl AsRef<[u8]>) -> bool {
        self.state
            .received
            .lock()
            .iter()
            .any(|received| received.contains(needle.as_ref()))
    }

    /// Waits, `timeout` at most, until `count` different spans were accepted, and returns all there are.
    ///
    /// # Errors
    ///
    /// If there were fewer when the time was over.
    pub async fn wait_for_spans(
        &self,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<Observation>, TooFewSpans> {
        let state = self.state.clone();
        let waiting = async move { tokio::time::timeout(timeout, state.until_spans(count)).await };
        // Over there, since the caller's clock may be paused.
        let waited = self.server.host().run(waiting).await;
        let observations = self.observations();
        match waited {
            Ok(Ok(())) => Ok(observations),
            _ => Err(TooFewSpans {
                wanted: count,
                got: distinct(&observations),
                timeout,
            }),
        }
    }
}

impl fmt::Debug for Langfuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Langfuse")
            .field("address", &self.server.address())
            .finish_non_exhaustive()
    }
}

/// Fewer spans arrived than were waited for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{got} of {wanted} spans arrived within {timeout:?}")]
pub struct TooFewSpans {
    wanted: usize,
    got: usize,
    timeout: Duration,
}

impl State {
    async fn answer(self, request: Request<Incoming>, connection: usize) -> Answer {
        let (head, body) = request.into_parts();
        let wire = loopback::read(body).await?;
        let received_at = Moment::now();
        let path = head
            .uri
            .path_and_query()
            .map_or_else(|| head.uri.path().to_owned(), ToString::to_string);

        let decompressed = route::decompress(&head.headers, &wire);
        let routed = route::route(
            &self.keys,
            &head.method,
            &path,
            &head.headers,
            decompressed.as_ref().map_err(|error| *error),
        );
        let fault = self.faults.take();
        let observations = routed
            .export
            .as_ref()
            .map(|export| decode::observations(export, received_at));
        let accepts = matches!(
            fault,
            None | Some(Fault::Slow(_) | Fault::PartialSuccess { .. })
        );
        let received = Received {
            received_at,
            connection,
            method: head.method,
            path,
            headers: head.headers.clone(),
            body: decompressed.unwrap_or_else(|_| wire.clone()),
            wire,
            accepted: accepts && observations.is_some(),
            observations: observations.unwrap_or_default(),
            status: None,
        };
        let index = self.keep(received);

        let response = match fault {
            None => loopback::json(routed.status, &routed.answer),
            Some(Fault::Slow(time)) => {
                tokio::time::sleep(time).await;
                loopback::json(routed.status, &routed.answer)
            }
            Some(Fault::PartialSuccess { rejected }) => {
                route::partial_success(&head.headers, rejected)
            }
            Some(Fault::Status { code, retry_after }) => status(code, retry_after),
            Some(Fault::Hang) => pending().await,
            Some(Fault::CloseBeforeResponse) => return Err(Hangup),
        };
        if let Some(received) = self.received.lock().get_mut(index) {
            received.status = Some(response.status().as_u16());
        }
        Ok(response)
    }

    /// Keeps a request, and returns its place in the list.
    fn keep(&self, received: Received) -> usize {
        let index = {
            let mut all = self.received.lock();
            all.push(received);
            all.len() - 1
        };
        self.changed.send_replace(());
        index
    }

    async fn until_spans(&self, count: usize) {
        let mut changed = self.changed.subscribe();
        while distinct(&self.observations()) < count {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn observations(&self) -> Vec<Observation> {
        let received = self.received.lock();
        received
            .iter()
            .filter(|received| received.accepted)
            .flat_map(|r| r.observations.iter().cloned())
            .collect()
    }
}

fn status(code: u16, retry_after: Option<Duration>) -> http::Response<loopback::Body> {
    let status = StatusCode::from_u16(code)
        .ok()
        .filter(|status| !status.is_informational());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = loopback::json(
        status,
        &json!({ "message": format!("testkit fault {code}") }),
    );
    if let Some(time) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(time.as_secs()));
    }
    response
}

fn distinct(observations: &[Observation]) -> usize {
    let ids: HashSet<_> = observations
        .iter()
        .map(|o| (o.trace_id.as_str(), o.span_id.as_str()))
        .collect();
    ids.len()
}
