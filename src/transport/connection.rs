//! One HTTP/1.1 connection, kept warm between invocations.
//!
//! A pool does not help a function that is frozen: the server closes an idle connection while the
//! process cannot see it, and a request written after the thaw is lost. So the reactor gets a turn
//! first, and a request that fails on a *reused* connection before the answer's head is sent once
//! more, at once, on a fresh one. Span ids make the repetition harmless.

use std::{
    future::Future,
    io,
    path::PathBuf,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use once_cell::sync::OnceCell;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{endpoint::Endpoint, tls};
use crate::error::Error;

/// The connections to one endpoint: at most one at rest.
#[derive(Debug)]
pub(crate) struct Connections {
    endpoint: Arc<Endpoint>,
    ca_file: Option<PathBuf>,
    tls: OnceCell<Arc<ClientConfig>>,
    idle: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl Connections {
    pub(crate) fn new(endpoint: Arc<Endpoint>, ca_file: Option<PathBuf>) -> Self {
        Self {
            endpoint,
            ca_file,
            tls: OnceCell::new(),
            idle: Mutex::new(None),
        }
    }

    /// Connections of another runtime to the same endpoint.
    pub(crate) fn sibling(&self) -> Self {
        Self::new(Arc::clone(&self.endpoint), self.ca_file.clone())
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Opens the connection ahead of the first request. A failure shows at the request.
    pub(crate) async fn warm_up(&self) -> Result<(), Error> {
        if self.take_idle().await.is_none() {
            let fresh = self.connect().await?;
            self.keep(fresh);
        }
        Ok(())
    }

    /// Sends what `request` makes and reads the whole answer, of which at most [`MAX_ANSWER_BYTES`] are kept.
    /// A warm connection gets `patience` to answer before a fresh one is tried: a network that
    /// forgot it during a freeze drops the request without a word. Cancelling the future closes
    /// the connection that it used.
    ///
    /// # Errors
    ///
    /// No connection, or it broke before the answer was read.
    pub(crate) async fn send(
        &self,
        request: impl Fn() -> Request<Full<Bytes>>,
        patience: Duration,
    ) -> Result<Response<Bytes>, Error> {
        let Some(reused) = self.take_idle().await else {
            return self.send_afresh(request()).await;
        };
        let mut first = pin!(self.exchange(reused, request()));
        match tokio::time::timeout(patience, &mut first).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(Broken::InAnswer(error))) => Err(error),
            Ok(Err(Broken::BeforeAnswer(_))) => self.send_afresh(request()).await,
            // Perhaps it is merely slow: whichever connection answers first will do.
            Err(_) => match select(first, pin!(self.send_afresh(request()))).await {
                Either::Left((Ok(response), _)) | Either::Right((Ok(response), _)) => Ok(response),
                Either::Left((Err(_), second)) => second.await,
                Either::Right((Err(error), first)) => first.await.map_err(|_| error),
            },
        }
    }

    async fn send_afresh(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Error> {
        let fresh = self.connect().await?;
        self.exchange(fresh, request)
            .await
            .map_err(|broken| match broken {
                Broken::BeforeAnswer(error) | Broken::InAnswer(error) => error,
            })
    }

    async fn exchange(
        &self,
        mut sender: SendRequest<Full<Bytes>>,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Broken> {
        let broken = |error| Error::broken(self.endpoint.host(), error);
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| Broken::BeforeAnswer(broken(error)))?;
        let (head, mut body) = response.into_parts();
        let mut kept = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Broken::InAnswer(broken(error)))?;
            if let Ok(data) = frame.into_data() {
                let room = MAX_ANSWER_BYTES.saturating_sub(kept.len());
                kept.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
            }
        }
        self.keep(sender);
        Ok(Response::from_parts(head, kept.freeze()))
    }

    /// The connection at rest, if the server has not closed it. The reactor runs first, so that a
    /// close that arrived during a freeze is seen.
    async fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut sender = self.idle.lock().ok()?.take()?;
        tokio::task::yield_now().await;
        sender.ready().await.ok()?;
        Some(sender)
    }

    fn keep(&self, sender: SendRequest<Full<Bytes>>) {
        if !sender.is_closed()
            && let Ok(mut idle) = self.idle.lock()
        {
            *idle = Some(sender);
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Error> {
        let host = self.endpoint.host();
        let failed = |error: io::Error| Error::connect(host, error);
        let tcp = TcpStream::connect((host, self.endpoint.port()))
            .await
            .map_err(failed)?;
        tcp.set_nodelay(true).map_err(failed)?;
        if !self.endpoint.is_tls() {
            return self.handshake(tcp).await;
        }
        let config = self.tls_config().await?;
        let connector = TlsConnector::from(config);
        let name = ServerName::try_from(host.to_owned()).map_err(Error::tls)?;
        let stream = connector.connect(name, tcp).await.map_err(|error| {
            if error
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
            {
                Error::tls(format!("{host}: {error}"))
            } else {
                Error::connect(host, error)
            }
        })?;
        self.handshake(stream).await
    }

    /// Made once. A file of authorities is read where it may take its time.
    async fn tls_config(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = match self.ca_file.clone() {
            None => tls::client_config(None)?,
            Some(path) => tokio::task::spawn_blocking(move || tls::client_config(Some(&path)))
                .await
                .map_err(Error::tls)??,
        };
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }

    async fn handshake<T>(&self, stream: T) -> Result<SendRequest<Full<Bytes>>, Error>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Error::broken(self.endpoint.host(), error))?;
        let driver: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(connection);
        // The driver ends with the connection; its error shows at the sender.
        tokio::spawn(driver);
        Ok(sender)
    }
}

/// More of an answer than this is read but not kept.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Where an exchange broke off.
enum Broken {
    /// Nothing of the answer was seen.
    BeforeAnswer(Error),
    /// The back-end had begun to answer.
    InAnswer(Error),
}
