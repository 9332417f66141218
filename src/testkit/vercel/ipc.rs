//! What the runtime says on the socket: JSON, each message ended by a NUL.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::function::State;
use crate::testkit::Moment;
use crate::testkit::log::{Log, Stream};

/// Takes the function's messages until it closes the socket.
pub(super) async fn listen(listener: UnixListener, state: watch::Sender<State>, log: Log) {
    // The runtime connects once; where accepting fails, the start is over by its timeout.
    if let Ok((stream, _)) = listener.accept().await {
        read(stream, &state, &log).await;
    }
}

async fn read(stream: UnixStream, state: &watch::Sender<State>, log: &Log) {
    let mut stream = BufReader::new(stream);
    let mut frame = Vec::new();
    while matches!(stream.read_until(0, &mut frame).await, Ok(1..)) {
        let at = Moment::now();
        let text = frame.strip_suffix(&[0]).unwrap_or(&frame);
        match serde_json::from_slice(text) {
            Ok(Message::ServerStarted { http_port }) => {
                state.send_modify(|state| state.port = Some(http_port));
            }
            Ok(Message::End { context }) => {
                state.send_modify(|state| state.ends.push((context.request_id, at)));
            }
            Ok(Message::Log { message }) => {
                let text = BASE64_STANDARD.decode(message).unwrap_or_default();
                log.push(Stream::Stdout, String::from_utf8_lossy(&text).into_owned());
            }
            Err(_) => {
                let unknown = String::from_utf8_lossy(text);
                log.push(Stream::Stderr, format!("unknown message: {unknown}"));
            }
        }
        frame.clear();
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "payload", rename_all = "kebab-case")]
enum Message {
    #[serde(rename_all = "camelCase")]
    ServerStarted {
        http_port: u16,
    },
    End {
        context: Context,
    },
    /// Base64.
    Log {
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    request_id: u64,
}
