//! The emulator: one function, and what is asked of it.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use nix::sys::signal::Signal;
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::{mpsc, oneshot, watch};

use super::builder::{EmulatorBuilder, Settings};
use super::error::{EmulatorError, ErrorKind};
use super::function::{Exit, Order, State, address, free_port, knock, supervise, variables};
use super::invocation::{Answer, Asked, Invocation};
use super::ipc;
use crate::testkit::Moment;
use crate::testkit::host::Host;
use crate::testkit::log::{Log, LogLine};
use crate::testkit::process::Process;
use crate::testkit::shared::Shared;

/// How long a drop waits for the killed process, which takes milliseconds.
const BURIAL: Duration = Duration::from_secs(2);

/// A function in the hands of an emulated Vercel.
///
/// Dropping it kills the whole process group, stopped or not, and waits for its end.
pub struct Emulator {
    settings: Settings,
    log: Log,
    port: u16,
    requests: AtomicU64,
    orders: mpsc::UnboundedSender<Order>,
    state: watch::Receiver<State>,
    /// Disconnected when the process is gone.
    ended: Shared<std_mpsc::Receiver<()>>,
    socket: Socket,
    host: Host,
}

impl Emulator {
    /// Settings for an emulator that runs this executable.
    pub fn builder(executable: impl Into<PathBuf>) -> EmulatorBuilder {
        EmulatorBuilder::new(executable.into())
    }

    /// Sends a request, and returns when the response is here and the runtime has said `end`. Several
    /// may be under way at the same time, each on a connection of its own.
    ///
    /// # Errors
    ///
    /// If there is no response, or not all of it.
    pub async fn request(
        &self,
        request: Request<impl Into<Bytes>>,
    ) -> Result<Invocation, EmulatorError> {
        self.open(request).await?.finish().await
    }

    /// Sends a request, and returns when the head of the response is here.
    ///
    /// # Errors
    ///
    /// If there is no response.
    pub async fn open(&self, request: Request<impl Into<Bytes>>) -> Result<Answer, EmulatorError> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let id = format!("testkit-{number}");
        let mut request = request.map(|body| Full::new(body.into()));
        self.label(&mut request, number, &id);
        let port = self.port;
        let asking = async move {
            let stream = TcpStream::connect(address(port))
                .await
                .map_err(ErrorKind::Connect)?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            // How the connection ends, the one who reads the response is told.
            tokio::spawn(connection);
            let sent = Moment::now();
            let response = sender.send_request(request).await?;
            Ok::<_, ErrorKind>((sent, Moment::now(), response))
        };
        let asked = self.host.run(asking).await.map_err(ErrorKind::Connect)?;
        let (sent, head, response) = asked?;
        let (parts, body) = response.into_parts();
        let request = Asked {
            number,
            id,
            sent,
            state: self.state.clone(),
            host: self.host.handle().clone(),
            patience: (!self.settings.is_local).then_some(self.settings.timeout),
        };
        Ok(Answer {
            request,
            head,
            parts,
            body,
            read: BytesMut::new(),
        })
    }

    /// Stops the whole process group (`SIGSTOP`), as the platform may when nothing is left to do. What
    /// arrived anywhere before the returned moment was sent before.
    pub async fn freeze(&self) -> Moment {
        let at = Moment::now();
        self.signal(Signal::SIGSTOP).await;
        at
    }

    /// Lets it go on (`SIGCONT`).
    pub async fn thaw(&self) {
        self.signal(Signal::SIGCONT).await;
    }

    /// Asks it to end (`SIGTERM`) without waiting for that.
    pub async fn ask_to_end(&self) {
        self.signal(Signal::SIGTERM).await;
    }

    /// Asks it to end (`SIGTERM`), and kills it (`SIGKILL`) if it has not after 10 s.
    pub async fn terminate(&self) -> Exit {
        self.order(Order::Terminate);
        let mut state = self.state.clone();
        match state.wait_for(|state| state.exit.is_some()).await {
            Ok(state) => state.exit.unwrap_or(GONE),
            Err(_) => GONE,
        }
    }

    /// When the runtime said `end` for a request, by its id, if it has.
    pub fn ended(&self, request_id: &str) -> Option<Moment> {
        let number: u64 = request_id.strip_prefix("testkit-")?.parse().ok()?;
        self.state.borrow().ended(number)
    }

    /// What the function has written, the last 10,000 lines.
    pub fn logs(&self) -> Vec<LogLine> {
        self.log.lines()
    }

    /// Where the function listens, as `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", address(self.port))
    }

    pub(super) async fn start(settings: Settings, log: Log) -> Result<Self, EmulatorError> {
        let host = Host::start("vercel").map_err(ErrorKind::Socket)?;
        let socket = Socket::new();
        let port = free_port().map_err(ErrorKind::Socket)?;
        let (sender, state) = watch::channel(State::default());

        let start = {
            let (settings, log) = (settings.clone(), log.clone());
            let (path, sender) = (socket.0.clone(), sender.clone());
            async move {
                let listener = UnixListener::bind(&path).map_err(ErrorKind::Socket)?;
                let environment = variables(&settings, &path, port);
                let process =
                    Process::spawn(&settings.executable, &settings.args, environment, &log);
                if settings.is_local {
                    tokio::spawn(knock(port, sender));
                } else {
                    tokio::spawn(ipc::listen(listener, sender, log));
                }
                process.map_err(|source| ErrorKind::Spawn {
                    path: settings.executable,
                    source,
                })
            }
        };
        let process = host.run(start).await.map_err(ErrorKind::Socket)??;
        let (orders, inbox) = mpsc::unbounded_channel();
        let (alive, ended) = std_mpsc::channel();
        host.handle()
            .spawn(supervise(process, inbox, sender, alive));
        let emulator = Self {
            settings,
            log,
            port,
            requests: AtomicU64::new(0),
            orders,
            state,
            ended: Shared::new(ended),
            socket,
            host,
        };
        emulator.listens().await?;
        Ok(emulator)
    }

    async fn listens(&self) -> Result<(), EmulatorError> {
        let (limit, mut state) = (self.settings.timeout, self.state.clone());
        let waiting = async move {
            let wait = state.wait_for(|state| state.port.is_some() || state.exit.is_some());
            let state = tokio::time::timeout(limit, wait).await.ok()?;
            Some(state.is_ok_and(|state| state.exit.is_none()))
        };
        let logs = || self.log.tail();
        match self.host.run(waiting).await.map_err(ErrorKind::Socket)? {
            Some(true) => Ok(()),
            Some(false) => Err(ErrorKind::Exited { logs: logs() }.into()),
            None => Err(ErrorKind::Silent {
                limit,
                logs: logs(),
            }
            .into()),
        }
    }

    /// The headers that Vercel adds; a client's own of these names do not get through.
    fn label(&self, request: &mut Request<Full<Bytes>>, number: u64, id: &str) {
        let headers = request.headers_mut();
        headers
            .entry(header::HOST)
            .or_insert(HeaderValue::from_static("testkit.vercel.app"));
        if self.settings.is_local {
            return;
        }
        let labels = [
            ("x-vercel-id", format!("iad1::iad1::{id}")),
            (
                "x-vercel-internal-invocation-id",
                format!("invocation-{number}"),
            ),
            ("x-vercel-internal-request-id", number.to_string()),
        ];
        for (name, value) in labels {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }

    async fn signal(&self, signal: Signal) {
        let (sent, is_sent) = oneshot::channel();
        self.order(Order::Signal(signal, sent));
        // An error means that the process is gone.
        is_sent.await.ok();
    }

    fn order(&self, order: Order) {
        // Nobody left to follow it is fine.
        self.orders.send(order).ok();
    }
}

const GONE: Exit = Exit {
    status: None,
    sigkill: false,
};

impl Drop for Emulator {
    fn drop(&mut self) {
        self.order(Order::Kill);
        // Nothing is ever received: the sender is gone when the process is.
        self.ended.lock().recv_timeout(BURIAL).ok();
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("port", &self.port)
            .field("socket", &self.socket.0)
            .finish_non_exhaustive()
    }
}

/// The path of a unix socket, of which there may be 107 bytes; removed on drop.
struct Socket(PathBuf);

impl Socket {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("warmspan-{}-{number}.sock", process::id());
        let path = env::temp_dir().join(name);
        // Left over from a process of the same id.
        std::fs::remove_file(&path).ok();
        Self(path)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}
