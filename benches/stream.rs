//! What the seam adds to each chunk of a streamed model call.
//!
//! `cargo bench --bench stream`. A server in this process writes one chunk, notes the time, and
//! writes the next when the client asks for it; the client notes when it holds the chunk. Streams
//! with and without the seam take turns, so a busy machine slows both. The chunks are those of
//! OpenAI's chat API, of which the first few fill the preview. The last lines are the engine
//! alone, without any network.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints a table and fails by panicking"
)]

mod receiver;

use std::{
    hint::black_box,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Builder,
};
use warmspan::{ObserveFuture as _, Sdk, testkit::replay};

const CHUNKS: usize = 200;
/// Streams of each kind.
const ROUNDS: usize = 150;
const WARM_UP: usize = 15;

fn main() {
    let (ask, asked) = sync_channel(1);
    let sent = Sent::default();
    let provider = serve(asked, Arc::clone(&sent)).unwrap();
    let stage = Stage {
        sdk: Sdk::new(receiver::config(receiver::start(|_| ()).unwrap())),
        url: format!("http://{provider}/v1/chat/completions"),
        ask,
        sent,
    };
    let bare = ClientBuilder::new(client()).build();
    let seam = ClientBuilder::new(client())
        .with(warmspan::reqwest_middleware())
        .build();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..WARM_UP + ROUNDS {
        // Who comes first changes from round to round.
        for turn in [round % 2, (round + 1) % 2] {
            let client = [&bare, &seam][turn];
            let latencies = runtime.block_on(stage.stream(client));
            if round >= WARM_UP {
                times[turn].extend(latencies);
            }
        }
    }
    let [bare, seam] = times.map(|mut times| {
        times.sort_unstable();
        times
    });
    println!(
        "µs from the server's write to the client's chunk, {} chunks each:\n",
        bare.len()
    );
    println!(
        "{:<14} {:>8} {:>8} {:>8} {:>7}",
        "", "without", "with", "added", "ratio"
    );
    for (name, percent) in [("p50", 50), ("p95", 95), ("p99", 99)] {
        let [without, with] =
            [&bare, &seam].map(|times| micros(times[times.len() * percent / 100]));
        println!(
            "{name:<14} {without:>8.1} {with:>8.1} {:>8.1} {:>7.3}",
            with - without,
            with / without
        );
    }
    println!("\nns a chunk, the engine alone:\n");
    for (name, chunks) in [("the first 20", 20), ("20,000", 20_000)] {
        println!("{name:<14} {:>8.0}", engine(chunks));
    }
}

/// A client without any trust: nothing here speaks TLS.
fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let builder = reqwest::Client::builder().tcp_nodelay(true);
    builder.tls_backend_preconfigured(tls).build().unwrap()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// When the last chunk was written.
type Sent = Arc<Mutex<Option<Instant>>>;

struct Stage {
    sdk: Sdk,
    url: String,
    ask: SyncSender<()>,
    sent: Sent,
}

impl Stage {
    /// How long each chunk of a stream took.
    async fn stream(&self, client: &ClientWithMiddleware) -> Vec<Duration> {
        let request = json!({ "model": "gpt-5-mini", "stream": true,
            "messages": [{ "role": "user", "content": "Tell me a story" }] });
        let work = async {
            let request = client.post(&self.url).body(request.to_string());
            let mut response = request.send().await.unwrap();
            let mut latencies = Vec::with_capacity(CHUNKS);
            for _ in 0..CHUNKS {
                self.ask.send(()).unwrap();
                let chunk = response.chunk().await.unwrap();
                let now = Instant::now();
                assert!(chunk.is_some());
                latencies.push(now - self.sent.lock().unwrap().unwrap());
            }
            assert!(response.chunk().await.unwrap().is_none());
            latencies
        };
        let latencies = work.observed(self.sdk.span("work")).await;
        let _ = self.sdk.force_flush(Duration::from_secs(2)).await;
        latencies
    }
}

/// A provider on a thread of its own.
fn serve(asked: Receiver<()>, sent: Sent) -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Builder::new_current_thread().enable_io().build()?;
    thread::spawn(move || -> io::Result<()> {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                answer(stream, &asked, &sent).await?;
            }
        })
    });
    Ok(address)
}

async fn answer(mut stream: TcpStream, asked: &Receiver<()>, sent: &Sent) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    while !request.ends_with(b"true}") {
        stream.read_buf(&mut request).await?;
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    for at in 0..CHUNKS {
        let data = chunk(at + 1 == CHUNKS);
        // Nobody else needs this thread meanwhile.
        if asked.recv().is_err() {
            return Ok(());
        }
        *sent.lock().unwrap() = Some(Instant::now());
        stream.write_all(data.as_bytes()).await?;
    }
    Ok(())
}

fn chunk(is_last: bool) -> String {
    let (delta, reason) = match is_last {
        false => (json!({ "content": " once upon a time" }), Value::Null),
        true => (json!({}), "stop".into()),
    };
    let data = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini",
        "service_tier": "default", "system_fingerprint": "fp_1",
        "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason }],
        "usage": null,
    });
    format!("data: {data}\n\n")
}

/// Nanoseconds that the engine takes for a chunk of a stream of so many, as the median of turns.
fn engine(chunks: usize) -> f64 {
    let body = chunk(false).repeat(chunks);
    let size = chunk(false).len();
    let mut times = Vec::new();
    for _ in 0..400_000 / chunks {
        let started = Instant::now();
        let path = "/v1/chat/completions";
        black_box(replay(
            path,
            Some("text/event-stream"),
            b"{}",
            body.as_bytes(),
            size,
        ));
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e9 / f64::from(u32::try_from(chunks).unwrap())
}
