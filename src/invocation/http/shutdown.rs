//! The end of a server that the platform stops.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::pin,
    time::{Duration, Instant},
};

use crate::{FlushReport, Sdk, diagnostics};

/// How long requests that are open when the platform stops the server may still take: 8 seconds.
/// With [`FLUSH`] it fits into the ten seconds that Cloud Run leaves between SIGTERM and SIGKILL.
pub const GRACE: Duration = Duration::from_secs(8);

/// How long the last flush may take, after the requests have ended or [`GRACE`] is over: 1.5
/// seconds.
pub const FLUSH: Duration = Duration::from_millis(1_500);

/// Waits until the platform (SIGTERM) or somebody at the terminal (SIGINT, Ctrl-C) stops the server.
///
/// For the graceful shutdown of your server; see [`drain`]. Each call waits by itself, on a Tokio
/// runtime that has its I/O driver (`enable_all`). From the first call on the process no longer ends
/// at these signals by itself.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// warmspan::http::shutdown_signal().await;
/// # }
/// ```
pub async fn shutdown_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let both = signal(SignalKind::terminate())
            .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
        match both {
            Ok((mut terminate, mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            Err(error) => never(&error).await,
        }
    }
    #[cfg(not(unix))]
    if let Err(error) = tokio::signal::ctrl_c().await {
        never(&error).await;
    }
}

async fn never(error: &std::io::Error) {
    diagnostics::warn(format_args!(
        "signals cannot be waited for, so a shutdown may lose traces: {error}"
    ));
    std::future::pending::<()>().await;
}

/// Runs a server to its end and loses no trace there, with the process's SDK,
/// [`warmspan::sdk`](crate::sdk).
///
/// After SIGTERM or SIGINT the requests that are open have [`GRACE`] to end. Those that still have
/// not are cut: their handlers and bodies are dropped, and their roots end with the warning
/// `interrupted by the shutdown`. Then everything that has ended is sent, within [`FLUSH`], and the
/// SDK is shut down. Returns what the server returned, or `None` if it was not done in time.
/// Tasks that a handler spawned run on; what they record after that is lost, and counted.
///
/// `#[tokio::main]` returns only when the work of [`spawn_blocking`](tokio::task::spawn_blocking)
/// has ended, also where nobody waits for its result any more. Work that may take longer than the
/// platform's patience must not hold up the exit: leave `main` with `std::process::exit` after
/// `drain`, which has sent everything, or build the runtime yourself and give it
/// [`shutdown_background`](tokio::runtime::Runtime::shutdown_background).
///
/// With axum:
///
/// ```no_run
/// use axum::{Router, routing::post};
/// use warmspan::http::{self, TraceLayer};
///
/// #[tokio::main]
/// async fn main() -> std::io::Result<()> {
///     let app = Router::new().route("/chat", post(|| async { "an answer" })).layer(TraceLayer::new());
///     let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
///     let server = axum::serve(listener, app).with_graceful_shutdown(http::shutdown_signal());
///     http::drain(server).await.unwrap_or(Ok(()))
/// }
/// ```
///
/// With hyper-util, whose accept loop is yours:
///
/// ```no_run
/// # use std::convert::Infallible;
/// use std::pin::pin;
///
/// use http_body_util::Full;
/// use hyper::{Request, Response, body::{Bytes, Incoming}, server::conn::http1};
/// use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown, service::TowerToHyperService};
/// use tower::{Layer as _, service_fn};
/// use warmspan::http::{self, TraceLayer};
///
/// # async fn handler(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
/// #     Ok(Response::new(Full::default()))
/// # }
/// # #[tokio::main]
/// # async fn main() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
/// let service = TowerToHyperService::new(TraceLayer::new().layer(service_fn(handler)));
/// let server = async {
///     let graceful = GracefulShutdown::new();
///     let mut signal = pin!(http::shutdown_signal());
///     loop {
///         tokio::select! {
///             Ok((stream, _)) = listener.accept() => {
///                 let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
///                 tokio::spawn(graceful.watch(connection));
///             }
///             () = &mut signal => break graceful.shutdown().await,
///         }
///     }
/// };
/// http::drain(server).await;
/// # Ok(())
/// # }
/// ```
pub async fn drain<F: IntoFuture>(server: F) -> Option<F::Output> {
    Shutdown::new().run(server).await
}

/// How a server comes to its end. [`drain`] is `Shutdown::new().run(server)`.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let server = async {};
/// use std::time::Duration;
/// use warmspan::http::Shutdown;
///
/// // Kubernetes leaves 30 seconds, if not told otherwise.
/// Shutdown::new().grace(Duration::from_secs(25)).run(server).await;
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a Shutdown does nothing until a server is run with it"]
pub struct Shutdown {
    sdk: Sdk,
    grace: Duration,
    flush: Duration,
}

impl Shutdown {
    /// With the process's SDK, [`warmspan::sdk`](crate::sdk).
    pub fn new() -> Self {
        Self::with_sdk(crate::sdk().clone())
    }

    /// With another SDK.
    pub fn with_sdk(sdk: Sdk) -> Self {
        Self {
            sdk,
            grace: GRACE,
            flush: FLUSH,
        }
    }

    /// How long open requests may still take. [`GRACE`] if not called.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long the last flush may take. [`FLUSH`] if not called.
    pub fn flush(mut self, flush: Duration) -> Self {
        self.flush = flush;
        self
    }

    /// Runs `server` until it ends, or until SIGTERM or SIGINT and the grace that follows; see
    /// [`drain`].
    pub async fn run<F: IntoFuture>(self, server: F) -> Option<F::Output> {
        self.run_until(shutdown_signal(), server).await
    }

    /// The same with a signal of your own.
    pub async fn run_until<F: IntoFuture>(
        self,
        signal: impl Future<Output = ()>,
        server: F,
    ) -> Option<F::Output> {
        let output = {
            let mut server = pin!(server.into_future());
            tokio::select! {
                biased;
                output = &mut server => Some(output),
                () = signal => tokio::time::timeout(self.grace, server).await.ok(),
            }
        };
        let report = self.finish().await;
        diagnostics::debug(
            self.sdk.settings().debug,
            format_args!("the last flush: {report}"),
        );
        output
    }

    async fn finish(&self) -> FlushReport {
        let started = Instant::now();
        let patience = self.flush.min(MAX_PATIENCE);
        self.sdk.open_requests().interrupt(patience).await;
        let left = self.flush.saturating_sub(started.elapsed());
        // Warns of what it has to give up.
        self.sdk.shutdown(left).await
    }
}

/// How long the tasks of requests may take to notice that they are interrupted; they do at once
/// unless their thread is blocked.
const MAX_PATIENCE: Duration = Duration::from_millis(200);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("grace", &self.grace)
            .field("flush", &self.flush)
            .finish_non_exhaustive()
    }
}
