//! One request, as client and platform saw it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::error::{EmulatorError, ErrorKind};
use super::function::State;
use crate::testkit::Moment;

/// One request, as client and platform saw it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invocation {
    /// The request's id, as Vercel's logs would have it.
    pub request_id: String,
    /// The status of the response.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
    /// When everything happened.
    pub timeline: Timeline,
}

/// When everything happened to a request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Timeline {
    /// It was sent.
    pub sent: Moment,
    /// The head of the response was here.
    pub head: Moment,
    /// The whole response was here: what the client waits for.
    pub responded: Moment,
    /// The runtime said `end`: from here on the process may be frozen. `None` if it did not, in time or
    /// at all.
    pub ended: Option<Moment>,
}

/// A response whose head is here.
#[derive(Debug)]
#[must_use = "dropping it is what a client does that goes away"]
pub struct Answer {
    pub(super) request: Asked,
    pub(super) head: Moment,
    pub(super) parts: http::response::Parts,
    pub(super) body: Incoming,
    pub(super) read: BytesMut,
}

/// A request that was sent.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) sent: Moment,
    pub(super) state: watch::Receiver<State>,
    pub(super) host: Handle,
    /// How long `end` is waited for; `None` where there will be none.
    pub(super) patience: Option<Duration>,
}

impl Answer {
    /// The request's id, as Vercel's logs would have it.
    pub fn request_id(&self) -> &str {
        &self.request.id
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.parts.status
    }

    /// When the runtime said `end`, if it has.
    pub fn ended(&self) -> Option<Moment> {
        self.request.ended()
    }

    /// The next piece of the body, as it comes; `None` at its end.
    ///
    /// # Errors
    ///
    /// If the function closes the connection before the end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, EmulatorError> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(piece) = frame.map_err(ErrorKind::from)?.into_data() {
                self.read.extend_from_slice(&piece);
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// Reads the rest, and waits for `end`.
    ///
    /// # Errors
    ///
    /// If the function closes the connection before the end of the body.
    pub async fn finish(mut self) -> Result<Invocation, EmulatorError> {
        while self.piece().await?.is_some() {}
        let responded = Moment::now();
        let ended = self.request.wait_for_end().await;
        Ok(Invocation {
            request_id: self.request.id,
            status: self.parts.status,
            headers: self.parts.headers,
            body: self.read.freeze(),
            timeline: Timeline {
                sent: self.request.sent,
                head: self.head,
                responded,
                ended,
            },
        })
    }
}

impl Asked {
    fn ended(&self) -> Option<Moment> {
        self.state.borrow().ended(self.number)
    }

    async fn wait_for_end(&self) -> Option<Moment> {
        let patience = self.patience?;
        let (number, mut state) = (self.number, self.state.clone());
        let waiting = async move {
            let wait =
                state.wait_for(|state| state.ended(number).is_some() || state.exit.is_some());
            let state = tokio::time::timeout(patience, wait).await.ok()?.ok()?;
            state.ended(number)
        };
        // Over there, where time passes whatever the caller's clock does.
        self.host.spawn(waiting).await.ok()?
    }
}
