//! The process of a function.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};

use super::builder::Settings;
use crate::testkit::Moment;
use crate::testkit::process::Process;

/// How long a process has between `SIGTERM` and `SIGKILL`.
const GRACE: Duration = Duration::from_secs(10);

/// What is known of the process.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Where it listens, once it does.
    pub(super) port: Option<u16>,
    /// The requests that have ended, and when that was heard.
    pub(super) ends: Vec<(u64, Moment)>,
    /// How it ended, once it has.
    pub(super) exit: Option<Exit>,
}

impl State {
    /// When `end` was heard of a request.
    pub(super) fn ended(&self, number: u64) -> Option<Moment> {
        let end = self.ends.iter().find(|(ended, _)| *ended == number);
        end.map(|(_, at)| *at)
    }
}

/// How a function ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Exit {
    /// How the process exited; `None` if it could not be waited for.
    pub status: Option<ExitStatus>,
    /// Whether `SIGKILL` had to be sent.
    pub sigkill: bool,
}

/// What is to be done with the process.
pub(super) enum Order {
    /// And say when it was sent.
    Signal(Signal, oneshot::Sender<()>),
    /// `SIGTERM`, and `SIGKILL` if that does not help.
    Terminate,
    Kill,
}

/// Follows the orders until the process is gone, or nobody gives any more. Dropping `alive` says that
/// it is gone.
pub(super) async fn supervise(
    mut process: Process,
    mut orders: mpsc::UnboundedReceiver<Order>,
    state: watch::Sender<State>,
    alive: std_mpsc::Sender<()>,
) {
    let mut sigkill = false;
    let status = loop {
        tokio::select! {
            status = process.wait() => break status,
            order = orders.recv() => match order {
                Some(Order::Signal(signal, sent)) => {
                    process.signal(signal);
                    // Who does not wait for it does not want to know.
                    sent.send(()).ok();
                }
                Some(Order::Terminate) => {
                    process.signal(Signal::SIGCONT);
                    process.signal(Signal::SIGTERM);
                    if let Ok(status) = tokio::time::timeout(GRACE, process.wait()).await {
                        break status;
                    }
                    sigkill = true;
                    process.signal(Signal::SIGKILL);
                }
                Some(Order::Kill) | None => {
                    sigkill = true;
                    process.signal(Signal::SIGKILL);
                    break process.wait().await;
                }
            }
        }
    };
    process.bury().await;
    let status = status.ok();
    state.send_modify(|state| state.exit = Some(Exit { status, sigkill }));
    drop(alive);
}

/// Waits until something listens where the function was told to.
pub(super) async fn knock(port: u16, state: watch::Sender<State>) {
    const PAUSE: Duration = Duration::from_millis(5);
    while TcpStream::connect(address(port)).await.is_err() {
        tokio::time::sleep(PAUSE).await;
    }
    state.send_modify(|state| state.port = Some(port));
}

pub(super) fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// What Vercel sets, and what the user adds. No credentials: a function that needs some must be given
/// them.
pub(super) fn variables(
    settings: &Settings,
    socket: &Path,
    port: u16,
) -> Vec<(OsString, OsString)> {
    let text = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
    let mut variables = vec![
        text("PATH", "/usr/local/bin:/usr/bin:/bin"),
        text("VERCEL_DEV_PORT", &port.to_string()),
    ];
    if !settings.is_local {
        variables.extend([
            text("TZ", ":UTC"),
            text("VERCEL", "1"),
            text("VERCEL_ENV", "production"),
            text("VERCEL_REGION", "iad1"),
            text("VERCEL_DEPLOYMENT_ID", "dpl_testkit"),
            (OsString::from("VERCEL_IPC_PATH"), socket.into()),
        ]);
    }
    variables.extend(settings.env.iter().cloned());
    variables
}

/// A port that nothing listens on, below those that the kernel gives to connections: one of these
/// could take it before the function does.
pub(super) fn free_port() -> io::Result<u16> {
    const FIRST: u16 = 10_240;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test binaries that run at the same time begin at different places.
    let begin = u16::try_from(u64::from(std::process::id()) * 97 % u64::from(COUNT)).unwrap_or(0);
    for _ in 0..100 {
        let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = FIRST + offset;
        if TcpListener::bind(address(port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other("no free port"))
}
