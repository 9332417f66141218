//! The function's process group.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::log::{Log, Stream};

/// How long lines are waited for after the exit: a grandchild that has left the group may hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A program in a process group of its own.
pub(crate) struct Process {
    child: Child,
    group: Pid,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Spawns a program with this environment and no other; on a runtime's thread.
    pub(crate) fn spawn(
        program: &Path,
        args: &[OsString],
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        log: &Log,
    ) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .envs(environment)
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

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a signal to every process of the group.
    pub(crate) fn signal(&self, signal: Signal) {
        // Nobody left to get it is fine.
        killpg(self.group, signal).ok();
    }

    /// Waits for the program's exit. May be cancelled and called again.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends whatever is left of the group, and waits for the last lines.
    pub(crate) async fn bury(&mut self) {
        self.signal(Signal::SIGKILL);
        for reader in self.readers.drain(..) {
            // Late lines are lost, which is what the time limit means.
            tokio::time::timeout(LAST_WORDS, reader).await.ok();
        }
    }
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
