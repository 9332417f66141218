//! What `http::TraceLayer` adds to a request.
//!
//! `cargo bench --bench layer`. The row that counts is "recorded, not flushed": the back-end has
//! failed twice, so requests are recorded and their spans kept, and nothing is encoded or sent.
//! "not sampled" records nothing and is no measure of the layer; "recorded and flushed" has the
//! round trip in it. The first table has the times: its candidates take turns, so a busy machine
//! slows all of them. The second has the allocations.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints a table and fails by panicking"
)]

mod in_turns;
mod receiver;

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use divan::{AllocProfiler, Bencher};
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use in_turns::in_turns;
use tokio::runtime::Runtime;
use tower::{Layer as _, Service};
use warmspan::{
    Sdk,
    http::{TraceLayer, TraceService},
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const ROUNDS: usize = 500;
/// Requests a turn.
const BATCH: u32 = 50;

fn main() {
    let address = receiver::start(|_| ()).unwrap();
    let runtime = runtime();
    let off = traced(&Sdk::disabled());
    let not_sampled = traced(&Sdk::new(receiver::config(address).sample_rate(0.0)));
    let kept = Kept::new(&runtime);
    let flushed = traced(&Sdk::new(receiver::config(address)));
    let [bare, off, not_sampled, recorded, linked, flushed] = in_turns(
        ROUNDS,
        [
            &mut || batch(|| now(request(), Answer)),
            &mut || batch(|| now(request(), off.clone())),
            &mut || batch(|| now(request(), not_sampled.clone())),
            &mut || kept.timed(&runtime, request),
            &mut || kept.timed(&runtime, request_of_a_trace),
            &mut || {
                runtime.block_on(async {
                    let started = Instant::now();
                    for _ in 0..BATCH {
                        respond(request(), flushed.clone()).await;
                    }
                    started.elapsed()
                })
            },
        ],
    );
    println!("ns a request, the bare service's own subtracted:\n");
    let nanos = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(BATCH);
    println!("{:<36} {:>8.0}", "(the bare service itself)", nanos(bare));
    for (name, time) in [
        ("disabled", off),
        ("not sampled", not_sampled),
        ("recorded, not flushed", recorded),
        ("the same with a traceparent", linked),
        ("recorded and flushed", flushed),
    ] {
        println!("{name:<36} {:>8.0}", nanos(time.saturating_sub(bare)));
    }
    println!(
        "\nallocations (and times that did not take turns), the bare service's own included:\n"
    );
    divan::main();
}

/// The back-end is away, and the layer knows: it keeps what is recorded and waits for nothing.
struct Kept(SocketAddr);

impl Kept {
    fn new(runtime: &Runtime) -> Self {
        // Bound and closed again, so that connecting to it fails at once.
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        Self(listener.unwrap().local_addr().unwrap())
    }

    /// A layer of its own for each batch: the queue has a bound.
    fn service(&self, runtime: &Runtime) -> TraceService<Answer> {
        let sdk = Sdk::new(receiver::config(self.0));
        // Its end would only warn of what it keeps.
        std::mem::forget(sdk.clone());
        let service = traced(&sdk);
        for _ in 0..2 {
            runtime.block_on(respond(request(), service.clone()));
        }
        service
    }

    fn timed(&self, runtime: &Runtime, request: fn() -> Request<Full<Bytes>>) -> Duration {
        let service = self.service(runtime);
        batch(|| now(request(), service.clone()))
    }
}

fn traced(sdk: &Sdk) -> TraceService<Answer> {
    TraceLayer::with_sdk(sdk.clone()).layer(Answer)
}

/// The application: it answers at once.
#[derive(Clone)]
struct Answer;

impl Service<Request<Full<Bytes>>> for Answer {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        black_box(request);
        ready(Ok(Response::new(Full::new(Bytes::from_static(ANSWER)))))
    }
}

const ANSWER: &[u8] = br#"{"answer": "Mostly the platform's own work."}"#;

fn request() -> Request<Full<Bytes>> {
    Request::post("/chat")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(b"{}")))
        .unwrap()
}

/// As Cloud Run's front end sends them.
fn request_of_a_trace() -> Request<Full<Bytes>> {
    let mut request = request();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request
        .headers_mut()
        .insert("traceparent", HeaderValue::from_static(traceparent));
    request
}

/// One request until the end of its response.
async fn respond<S, B>(request: Request<Full<Bytes>>, mut service: S)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: Body<Error = Infallible>,
{
    let response = service.call(request).await.unwrap();
    drop(black_box(response.into_body().collect().await.unwrap()));
}

/// The same, where nothing waits.
fn now<S, B>(request: Request<Full<Bytes>>, service: S)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: Body<Error = Infallible>,
{
    let responding = pin!(respond(request, service));
    assert!(
        responding
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
}

fn batch(mut run: impl FnMut()) -> Duration {
    let started = Instant::now();
    for _ in 0..BATCH {
        run();
    }
    started.elapsed()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[divan::bench(name = "(the bare service itself)")]
fn allocations_bare(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(request)
        .bench_local_values(|request| now(request, Answer));
}

#[divan::bench(name = "disabled")]
fn allocations_off(bencher: Bencher<'_, '_>) {
    count(bencher, request, &traced(&Sdk::disabled()));
}

#[divan::bench(name = "not sampled")]
fn allocations_not_sampled(bencher: Bencher<'_, '_>) {
    let sdk = Sdk::new(receiver::config(([127, 0, 0, 1], 9).into()).sample_rate(0.0));
    count(bencher, request, &traced(&sdk));
}

#[divan::bench(name = "recorded, not flushed", sample_count = 10, sample_size = 100)]
fn allocations_recorded(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    count(bencher, request, &Kept::new(&runtime).service(&runtime));
}

#[divan::bench(
    name = "the same with a traceparent",
    sample_count = 10,
    sample_size = 100
)]
fn allocations_linked(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let service = Kept::new(&runtime).service(&runtime);
    count(bencher, request_of_a_trace, &service);
}

fn count(
    bencher: Bencher<'_, '_>,
    request: fn() -> Request<Full<Bytes>>,
    service: &TraceService<Answer>,
) {
    bencher
        .with_inputs(|| (request(), service.clone()))
        .bench_local_values(|(request, service)| now(request, service));
}
