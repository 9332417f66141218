//! The in-process `OpenAI`.

use std::fmt;
use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::sync::watch;

use super::fault::Fault;
use super::route::{self, Routed};
use super::stream;
use crate::testkit::Moment;
use crate::testkit::fault_plan::FaultPlan;
use crate::testkit::loopback::{self, Answer, Hangup, Loopback};
use crate::testkit::shared::Shared;

/// An in-process `OpenAI`-compatible server on a free port of 127.0.0.1, on its own thread. Closed on
/// drop.
pub struct OpenAi {
    server: Loopback,
    state: State,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Asked {
    /// When the last byte of the body had arrived.
    pub received_at: Moment,
    /// The number of the connection it came on, from 1.
    pub connection: usize,
    /// The method.
    pub method: Method,
    /// The path and query.
    pub path: String,
    /// The headers, the bearer key included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Asked {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What the server's thread and its user share.
#[derive(Clone)]
struct State {
    key: Option<String>,
    asked: Shared<Vec<Asked>>,
    faults: FaultPlan<Fault>,
    pace: Shared<Duration>,
    /// How many events of each stream are sent; all of them if it does not say.
    held: watch::Sender<Option<usize>>,
}

impl OpenAi {
    /// Starts a server that lets everybody in.
    ///
    /// # Errors
    ///
    /// If no port can be opened or no thread started.
    pub async fn start() -> io::Result<Self> {
        Self::launch(None).await
    }

    /// Starts a server that answers 401 to everybody without this bearer key.
    ///
    /// # Errors
    ///
    /// If no port can be opened or no thread started.
    pub async fn with_key(key: &str) -> io::Result<Self> {
        Self::launch(Some(key.to_owned())).await
    }

    /// `http://127.0.0.1:port/v1`, for `OPENAI_BASE_URL`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.server.address())
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

    /// Pauses this long before every event of a stream, and before a whole answer; not at all if not
    /// called.
    pub fn pace(&self, pause: Duration) {
        *self.state.pace.lock() = pause;
    }

    /// Holds every stream back after `after` events, until [`release_streams`](Self::release_streams).
    pub fn hold_streams(&self, after: usize) {
        self.state.held.send_replace(Some(after));
    }

    /// Lets the streams that are held back go on, and those to come.
    pub fn release_streams(&self) {
        self.state.held.send_replace(None);
    }

    /// Ends every connection: idle ones with a FIN now, busy ones after their answer.
    pub fn close_idle_connections(&self) {
        self.server.close_idle();
    }

    /// Every request so far, in order of arrival, whatever it was answered.
    pub fn requests(&self) -> Vec<Asked> {
        self.state.asked.lock().clone()
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    async fn launch(key: Option<String>) -> io::Result<Self> {
        let state = State {
            key,
            asked: Shared::default(),
            faults: FaultPlan::new(),
            pace: Shared::default(),
            held: watch::Sender::default(),
        };
        let service = state.clone();
        let server = Loopback::start("openai", move |request, connection| {
            service.clone().answer(request, connection)
        });
        Ok(Self {
            server: server.await?,
            state,
        })
    }
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAi")
            .field("address", &self.server.address())
            .finish_non_exhaustive()
    }
}

impl State {
    async fn answer(self, request: Request<Incoming>, connection: usize) -> Answer {
        let (head, body) = request.into_parts();
        let body = loopback::read(body).await?;
        let path = head
            .uri
            .path_and_query()
            .map_or_else(|| head.uri.path().to_owned(), ToString::to_string);
        let mut routed = if self.lets_in(&head.headers) {
            route::route(
                &head.method,
                &path,
                serde_json::from_slice(&body).ok().as_ref(),
            )
        } else {
            route::error(
                StatusCode::UNAUTHORIZED,
                "Incorrect API key provided.",
                "invalid_api_key",
            )
        };
        let fault = self.faults.take();
        self.asked.lock().push(Asked {
            received_at: Moment::now(),
            connection,
            method: head.method,
            path,
            headers: head.headers,
            body,
        });

        let (mut cut, mut wait) = (None, None);
        match fault {
            None => {}
            Some(Fault::Hang) => return pending().await,
            Some(Fault::CloseBeforeResponse) => return Err(Hangup),
            Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
            Some(Fault::CutStream { after }) => cut = Some(after),
            Some(Fault::Status { code, retry_after }) => {
                let status = StatusCode::from_u16(code)
                    .ok()
                    .filter(|s| s.is_client_error() || s.is_server_error());
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                routed = route::error(status, &format!("testkit fault {code}"), "testkit_fault");
                wait = retry_after;
            }
        }
        let pace = *self.pace.lock();
        let mut response = match routed {
            Routed::Events(events) => stream::response(events, pace, cut, self.held.subscribe()),
            Routed::Whole(status, body) => {
                if !pace.is_zero() {
                    tokio::time::sleep(pace).await;
                }
                loopback::json(status, &body)
            }
        };
        let headers = response.headers_mut();
        headers.insert(
            HeaderName::from_static("x-request-id"),
            HeaderValue::from_static("req_testkit"),
        );
        if let Some(wait) = wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        Ok(response)
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Some(key) = &self.key else { return true };
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        given.and_then(|value| value.strip_prefix("Bearer ")) == Some(key)
    }
}
