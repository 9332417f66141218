//! The function's process group.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::builder::Settings;
use super::log::{Log, Stream};

/// How long lines are waited for after the exit: a grandchild that has left the group may hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A bootstrap in a process group of its own.
pub(super) struct Process {
    child: Child,
    group: Pid,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Spawns the bootstrap; on a runtime's thread.
    pub(super) fn spawn(settings: &Settings, api: SocketAddr, log: &Log) -> io::Result<Self> {
        let mut child = Command::new(&settings.bootstrap)
            .args(&settings.args)
            .env_clear()
            .envs(environment(settings, api))
            .envs(settings.env.iter().cloned())
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let id = child
            .id()
            .ok_or_else(|| io::Error::other("the process was gone at once"))?;
        let group = Pid::from_raw(i32::try_from(id).map_err(io::Error::other)?);
        let mut readers = Vec::new();
        readers.extend(
            child
                .stdout
                .take()
                .map(|pipe| tokio::spawn(read(pipe, Stream::Stdout, log.clone()))),
        );
        readers.extend(
            child
                .stderr
                .take()
                .map(|pipe| tokio::spawn(read(pipe, Stream::Stderr, log.clone()))),
        );
        Ok(Self {
            child,
            group,
            readers,
        })
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a signal to every process of the group.
    pub(super) fn signal(&self, signal: Signal) {
        // Nobody left to get it is fine.
        killpg(self.group, signal).ok();
    }

    /// Waits for the bootstrap's exit. May be cancelled and called again.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends whatever is left of the group, and waits for the last lines.
    pub(super) async fn bury(&mut self) {
        self.signal(Signal::SIGKILL);
        for reader in self.readers.drain(..) {
            // Late lines are lost, which is what the time limit means.
            tokio::time::timeout(LAST_WORDS, reader).await.ok();
        }
    }
}

/// What AWS sets for an OS-only runtime. No credentials: a function that needs some must be given them.
fn environment(settings: &Settings, api: SocketAddr) -> Vec<(&'static str, String)> {
    let task_root = settings
        .bootstrap
        .parent()
        .unwrap_or(Path::new("/"))
        .display()
        .to_string();
    let mut environment = vec![
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", settings.function_name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            settings.memory_mb.to_string(),
        ),
        (
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            settings.initialization_type.clone(),
        ),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{}", settings.function_name),
        ),
        (
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef".to_owned(),
        ),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LAMBDA_TASK_ROOT", task_root),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".to_owned()),
    ];
    if let Some(workers) = settings.max_concurrency {
        environment.push(("AWS_LAMBDA_MAX_CONCURRENCY", workers.to_string()));
    }
    environment
}

async fn read(pipe: impl AsyncRead + Unpin, stream: Stream, log: Log) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while matches!(pipe.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        log.push(stream, text.trim_end_matches(['\r', '\n']).to_owned());
        line.clear();
    }
}
