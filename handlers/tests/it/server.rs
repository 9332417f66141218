//! The function as a server: its process, and a client that shows every byte.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::timeout,
};

use crate::surroundings::{LONG, OPENAI_KEY, Surroundings};

/// `handlers/cloud_run.rs`, running.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it, told of its surroundings and of these variables.
    pub(crate) async fn start(surroundings: &Surroundings, variables: &[(&str, &str)]) -> Self {
        Self::start_on("PORT", surroundings, variables).await
    }

    /// The same where another variable names the port.
    pub(crate) async fn start_on(
        port: &str,
        surroundings: &Surroundings,
        variables: &[(&str, &str)],
    ) -> Self {
        // Somebody else may take the port before the server does.
        for _ in 0..10 {
            if let Some(server) = Self::try_start(port, surroundings, variables).await {
                return server;
            }
        }
        panic!("the server does not listen")
    }

    async fn try_start(
        port: &str,
        surroundings: &Surroundings,
        variables: &[(&str, &str)],
    ) -> Option<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut child = Command::new(env!("CARGO_BIN_EXE_cloud_run"))
            .env_clear()
            .env(port, address.port().to_string())
            .env("LANGFUSE_BASE_URL", surroundings.langfuse.base_url())
            .env("LANGFUSE_PUBLIC_KEY", surroundings.langfuse.public_key())
            .env("LANGFUSE_SECRET_KEY", surroundings.langfuse.secret_key())
            .env("OPENAI_BASE_URL", surroundings.openai.base_url())
            .env("OPENAI_API_KEY", OPENAI_KEY)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let listening = async {
            while TcpStream::connect(address).await.is_err() {
                if child.try_wait().unwrap().is_some() {
                    return false;
                }
                tokio::task::yield_now().await;
            }
            true
        };
        timeout(LONG, listening)
            .await
            .unwrap()
            .then_some(Self { child, address })
    }

    /// Asks `question` on `path`.
    pub(crate) async fn ask(&self, path: &str, question: &str) -> Reply {
        let body = json!({ "question": question }).to_string();
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: chat\r\nconnection: close\r\ncontent-type: application/json\r\n\
             cookie: session=hush-cookie\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let received = String::new();
        Reply { stream, received }
    }

    /// What the platform does to stop it.
    pub(crate) async fn terminate(&self) {
        let id = self.child.id().unwrap().to_string();
        let kill = Command::new("kill").args(["-TERM", &id]).status();
        assert!(kill.await.unwrap().success());
    }

    /// Waits until it takes no more connections, the first thing that it does when it is stopped.
    pub(crate) async fn takes_nobody_in(&self) {
        let closing = async {
            while TcpStream::connect(self.address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, closing).await.unwrap();
    }

    /// Waits until it has ended, at most `patience`.
    pub(crate) async fn ended(&mut self, patience: Duration) -> ExitStatus {
        let ended = timeout(patience, self.child.wait()).await;
        ended.expect("it runs on").unwrap()
    }
}

/// An answer as it comes.
pub(crate) struct Reply {
    stream: TcpStream,
    received: String,
}

impl Reply {
    /// Reads until `text` is there.
    pub(crate) async fn until(&mut self, text: &str) {
        while !self.received.contains(text) {
            assert!(self.read_some().await, "ended without {text:?}");
        }
    }

    /// Reads to the end of the connection. Head and chunk sizes are part of it.
    pub(crate) async fn rest(mut self) -> String {
        while self.read_some().await {}
        self.received
    }

    async fn read_some(&mut self) -> bool {
        let mut piece = [0; 4096];
        let read = timeout(LONG, self.stream.read(&mut piece)).await.unwrap();
        // A server that is killed may reset the connection.
        let count = read.unwrap_or(0);
        self.received
            .push_str(std::str::from_utf8(&piece[..count]).unwrap());
        count > 0
    }
}
