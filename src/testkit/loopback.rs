//! An HTTP/1.1 server on 127.0.0.1.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::host::Host;
use super::shared::Shared;

/// The body of an answer; its error cuts the connection in the middle.
pub(crate) type Body = UnsyncBoxBody<Bytes, Hangup>;

/// What a server answers; its error closes the connection without an answer.
pub(crate) type Answer = Result<Response<Body>, Hangup>;

/// The server closes the connection here, on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the testkit server closed the connection on purpose")]
pub(crate) struct Hangup;

/// An HTTP/1.1 server on a free port of 127.0.0.1, on its own thread. Closed on drop.
pub(crate) struct Loopback {
    address: SocketAddr,
    counts: Arc<Counts>,
    service: Service,
    listening: Shared<Option<Listening>>,
    host: Host,
}

type Service = Arc<dyn Fn(Request<Incoming>, usize) -> BoxFuture<'static, Answer> + Send + Sync>;

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
    closed: Notify,
}

struct Listening {
    accepting: JoinHandle<()>,
    close_idle: watch::Sender<()>,
}

impl Loopback {
    /// Starts a server named `name` (of its thread) that answers with `service`, which is given each
    /// request and the number of its connection, from 1.
    pub(crate) async fn start<S, F>(name: &str, service: S) -> io::Result<Self>
    where
        S: Fn(Request<Incoming>, usize) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let host = Host::start(name)?;
        let listener = host
            .run(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .await??;
        let server = Self {
            address: listener.local_addr()?,
            counts: Arc::default(),
            service: Arc::new(move |request, connection| service(request, connection).boxed()),
            listening: Shared::new(None),
            host,
        };
        server.listen(listener);
        Ok(server)
    }

    /// `127.0.0.1` and the port, the same before a stop and after a restart.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The thread this server lives on.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    /// Connections open now.
    pub(crate) fn open_connections(&self) -> usize {
        self.counts.open.load(Ordering::SeqCst)
    }

    /// Waits until every connection is closed.
    #[cfg(unix)]
    pub(crate) fn all_closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let counts = Arc::clone(&self.counts);
        async move {
            while counts.open.load(Ordering::SeqCst) > 0 {
                counts.closed.notified().await;
            }
        }
    }

    /// Ends every connection in order: idle ones with a FIN now, busy ones after their answer.
    pub(crate) fn close_idle(&self) {
        if let Some(listening) = self.listening.lock().as_ref() {
            listening.close_idle.send_replace(());
        }
    }

    /// Closes the port and cuts every connection.
    pub(crate) async fn stop(&self) {
        let listening = self.listening.lock().take();
        if let Some(listening) = listening {
            listening.accepting.abort();
            // Cancelled, as asked; once it has ended, the sockets are closed.
            listening.accepting.await.ok();
        }
    }

    /// Opens the same port again after a [`stop`](Self::stop).
    pub(crate) async fn restart(&self) -> io::Result<()> {
        if self.listening.lock().is_none() {
            let listener = self.host.run(TcpListener::bind(self.address)).await??;
            self.listen(listener);
        }
        Ok(())
    }

    fn listen(&self, listener: TcpListener) {
        let (close_idle, idle) = watch::channel(());
        let accepting = self.host.handle().spawn(accept(
            listener,
            Arc::clone(&self.service),
            Arc::clone(&self.counts),
            idle,
        ));
        *self.listening.lock() = Some(Listening {
            accepting,
            close_idle,
        });
    }
}

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Response<Body> {
    let mut response = bytes(status, body.to_string());
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// An answer with these bytes.
pub(crate) fn bytes(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// The whole body of a request.
pub(crate) async fn read(body: Incoming) -> Result<Bytes, Hangup> {
    Ok(body.collect().await.map_err(|_| Hangup)?.to_bytes())
}

async fn accept(
    listener: TcpListener,
    service: Service,
    counts: Arc<Counts>,
    idle: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of file descriptors, for example: the client sees its own side of it.
                let Ok((stream, _)) = accepted else { continue };
                let number = counts.accepted.fetch_add(1, Ordering::SeqCst) + 1;
                let open = Open::new(&counts);
                let service = Arc::clone(&service);
                let idle = idle.clone();
                connections.spawn(async move {
                    serve(stream, service, number, idle).await;
                    drop(open);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, service: Service, number: usize, mut idle: watch::Receiver<()>) {
    idle.mark_unchanged();
    stream.set_nodelay(true).ok();
    let service = service_fn(|request| service(request, number));
    let mut connection =
        pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            // How a connection ends is the client's business, or a fault committed on purpose.
            _ = connection.as_mut() => return,
            Ok(()) = idle.changed() => connection.as_mut().graceful_shutdown(),
        }
    }
}

/// Counts a connection as open while it lives.
struct Open(Arc<Counts>);

impl Open {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counts))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
        self.0.closed.notify_one();
    }
}
