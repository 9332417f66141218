//! What a flush adds to a response: 1, 10 and 100 spans of ten attributes to a receiver on
//! loopback, and beside it the floor: the same bytes by a bare `TcpStream` and by hyper.
//!
//! `cargo bench --bench flush`. Read the ratios: the candidates take turns, so a busy machine slows
//! all of them.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints a table and fails by panicking"
)]

mod in_turns;
mod receiver;

use std::{
    cell::Cell,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use in_turns::in_turns;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
};
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;
use warmspan::{Observation, Sdk, http::TraceLayer};

const ROUNDS: usize = 2000;
const BUDGET: Duration = Duration::from_secs(10);

fn main() {
    let last_request = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&last_request);
    let address = receiver::start(move |request| {
        // Only while somebody waits for it: a copy would slow the receiver down.
        if let Ok(mut kept) = keep.try_lock()
            && kept.is_empty()
        {
            kept.extend_from_slice(request);
        }
    })
    .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    println!(
        "median of {ROUNDS} flushes on a current_thread runtime, in microseconds (times the TcpStream, times hyper)\n"
    );
    println!(
        "spans   bytes  TcpStream    hyper        encoded in a gap before         ended right before"
    );
    for spans in [1, 10, 100] {
        let sdk = Sdk::new(receiver::config(address));
        last_request.lock().unwrap().clear();
        after_the_last_span(&runtime, &sdk, spans);
        let request = last_request.lock().unwrap().clone();

        let mut tcp = BareTcp::connect(&runtime, address);
        let mut hyper = Hyper::connect(&runtime, address);
        let gap = Sdk::new(receiver::config(address));
        let [tcp, hyper, in_gap, right_before] = in_turns(
            ROUNDS,
            [
                &mut || tcp.post(&runtime, &request),
                &mut || hyper.post(&runtime, &request),
                &mut || after_a_gap(&runtime, &gap, spans),
                &mut || after_the_last_span(&runtime, &sdk, spans),
            ],
        );
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let beside = |ours: Duration| {
            format!(
                "{:>9.1} ({:>5.2} x, {:>5.2} x)",
                micros(ours),
                micros(ours) / micros(tcp),
                micros(ours) / micros(hyper)
            )
        };
        println!(
            "{spans:>5} {:>7} {:>10.1} {:>8.1} {} {}",
            request.len(),
            micros(tcp),
            micros(hyper),
            beside(in_gap),
            beside(right_before),
        );
    }
}

/// A flush of a trace of which no span was encoded before.
fn after_the_last_span(runtime: &Runtime, sdk: &Sdk, spans: usize) -> Duration {
    runtime.block_on(async {
        let root = sdk.span("request");
        (1..spans).for_each(|_| step(&root.observation("step").start()));
        step(&root);
        timed_flush(sdk, spans).await
    })
}

/// A flush of spans that the invocation encoded while its handler waited.
fn after_a_gap(runtime: &Runtime, sdk: &Sdk, spans: usize) -> Duration {
    let time = Cell::new(Duration::ZERO);
    let handler = service_fn(async |_request: Request<Empty<Bytes>>| {
        (0..spans).for_each(|_| step(&sdk.span("step")));
        tokio::task::yield_now().await;
        time.set(timed_flush(sdk, spans).await);
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let service = TraceLayer::with_sdk(sdk.clone()).layer(handler);
    let answered = runtime.block_on(service.oneshot(Request::new(Empty::new())));
    drop(answered.unwrap());
    time.get()
}

async fn timed_flush(sdk: &Sdk, spans: usize) -> Duration {
    let started = Instant::now();
    let report = sdk.force_flush(BUDGET).await;
    let time = started.elapsed();
    assert_eq!(
        (report.delivered(), report.requests()),
        (spans, 1),
        "{report}"
    );
    time
}

/// Ends a span with ten attributes.
fn step(span: &Observation) {
    for key in KEYS {
        span.attribute(key, "a value of middling length");
    }
    span.end();
}

const KEYS: [&str; 10] = [
    "app.a", "app.b", "app.c", "app.d", "app.e", "app.f", "app.g", "app.h", "app.i", "app.j",
];

/// The floor: one write and one read.
struct BareTcp(TcpStream);

impl BareTcp {
    fn connect(runtime: &Runtime, address: SocketAddr) -> Self {
        let stream = runtime.block_on(TcpStream::connect(address)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    fn post(&mut self, runtime: &Runtime, request: &[u8]) -> Duration {
        runtime.block_on(async {
            let mut answer = [0; receiver::ANSWER.len()];
            let started = Instant::now();
            self.0.write_all(request).await.unwrap();
            self.0.read_exact(&mut answer).await.unwrap();
            started.elapsed()
        })
    }
}

/// The floor of HTTP: hyper's connection, without anything around it.
struct Hyper(SendRequest<Full<Bytes>>);

impl Hyper {
    fn connect(runtime: &Runtime, address: SocketAddr) -> Self {
        runtime.block_on(async {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            Self(sender)
        })
    }

    fn post(&mut self, runtime: &Runtime, request: &[u8]) -> Duration {
        let request = parsed(request);
        runtime.block_on(async {
            self.0.ready().await.unwrap();
            let started = Instant::now();
            let response = self.0.send_request(request).await.unwrap();
            response.into_body().collect().await.unwrap();
            started.elapsed()
        })
    }
}

/// A request as it was on the wire.
fn parsed(request: &[u8]) -> Request<Full<Bytes>> {
    let head_end = request
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = std::str::from_utf8(&request[..head_end]).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let mut builder = Request::builder()
        .method(first.next().unwrap())
        .uri(first.next().unwrap());
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    let body = Bytes::copy_from_slice(&request[head_end + 4..]);
    builder.body(Full::new(body)).unwrap()
}
