//! A server that answers requests with what a test wrote, cut into pieces where it says.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What is written to a connection, one after the other.
#[derive(Clone)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// Waits until the test lets it go on.
    Wait(Arc<Notify>),
}

pub(crate) struct Replay {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Replay {
    /// Answers one request a connection, in this order; the last answer is given again and again.
    pub(crate) async fn start(answers: Vec<Vec<Piece>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut answers = VecDeque::from(answers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = if answers.len() > 1 {
                    answers.pop_front().unwrap()
                } else {
                    answers[0].clone()
                };
                tokio::spawn(answer_one(stream, answer, Arc::clone(&seen)));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer_one(mut stream: TcpStream, answer: Vec<Piece>, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !is_complete(&request) {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    seen.lock()
        .unwrap()
        .push(String::from_utf8(request).unwrap());
    for piece in answer {
        match piece {
            Piece::Bytes(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Piece::Wait(notify) => notify.notified().await,
        }
    }
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: &serde_json::Value) -> Vec<Piece> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\nx-kept: yes\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    vec![Piece::Bytes((head + &body).into_bytes())]
}

/// The head of a stream of events that ends with the connection.
pub(crate) fn stream_head() -> Piece {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    Piece::Bytes(head.as_bytes().to_vec())
}

/// One event of a stream.
pub(crate) fn event(data: &impl ToString) -> Piece {
    Piece::Bytes(format!("data: {}\n\n", data.to_string()).into_bytes())
}
