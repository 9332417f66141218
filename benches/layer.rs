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
    borrow::Cow,
    convert::Infallible,
    future::{self, Future, Ready},
    hint::black_box,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use divan::{AllocProfiler, Bencher};
use http::{HeaderValue, Request, Response, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
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
    let kept_named = kept.named();
    let flushed = traced(&Sdk::new(receiver::config(address)));
    let [
        bare,
        off,
        not_sampled,
        recorded,
        named,
        linked,
        bare_reading,
        previewed,
        flushed,
    ] = in_turns(
        ROUNDS,
        [
            &mut || batch(|| now(request(), Answer)),
            &mut || batch(|| now(request(), off.clone())),
            &mut || batch(|| now(request(), not_sampled.clone())),
            &mut || kept.timed(&runtime, request, Answer),
            &mut || kept_named.timed(&runtime, request, Answer),
            &mut || kept.timed(&runtime, request_of_a_trace, Answer),
            &mut || batch(|| now(question(), Read)),
            &mut || kept.timed(&runtime, question, Read),
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
        ("the same, named after its route", named),
        ("the same with a traceparent", linked),
        ("recorded and flushed", flushed),
    ] {
        println!("{name:<36} {:>8.0}", nanos(time.saturating_sub(bare)));
    }
    let time = previewed.saturating_sub(bare_reading);
    println!("{PREVIEWED:<36} {:>8.0}", nanos(time));
    println!(
        "\nallocations (and times that did not take turns), the bare service's own included:\n"
    );
    divan::main();
}

/// The back-end is away, and the layer knows: it keeps what is recorded and waits for nothing.
struct Kept {
    address: SocketAddr,
    route: Option<Route>,
}

type Route = fn(&Parts) -> Option<Cow<'static, str>>;

impl Kept {
    fn new(runtime: &Runtime) -> Self {
        // Bound and closed again, so that connecting to it fails at once.
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        Self {
            address: listener.unwrap().local_addr().unwrap(),
            route: None,
        }
    }

    /// The same, its roots named after the route, as axum's `MatchedPath` does it.
    fn named(&self) -> Self {
        Self {
            route: Some(|_| Some(Cow::Owned("/users/{user}/chat".to_owned()))),
            ..*self
        }
    }

    /// A layer of its own for each batch: the queue has a bound.
    fn service<S>(&self, runtime: &Runtime, inner: S) -> TraceService<S> {
        let sdk = Sdk::new(receiver::config(self.address));
        // Its end would only warn of what it keeps.
        std::mem::forget(sdk.clone());
        for _ in 0..2 {
            runtime.block_on(respond(request(), traced(&sdk)));
        }
        let layer = TraceLayer::with_sdk(sdk);
        match self.route {
            Some(route) => layer.route(route).layer(inner),
            None => layer.layer(inner),
        }
    }

    fn timed<S, Q, B>(&self, runtime: &Runtime, request: fn() -> Request<Q>, inner: S) -> Duration
    where
        TraceService<S>: Service<Request<Q>, Response = Response<B>, Error = Infallible> + Clone,
        B: Body<Error = Infallible>,
    {
        let service = self.service(runtime, inner);
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
        future::ready(Ok(Response::new(Full::new(Bytes::from_static(ANSWER)))))
    }
}

/// The application where it reads the request, which does not wait here either.
#[derive(Clone)]
struct Read;

type Question = UnsyncBoxBody<Bytes, Infallible>;

impl Service<Request<Question>> for Read {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Reading;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Question>) -> Reading {
        Reading(request.into_body())
    }
}

struct Reading(Question);

impl Future for Reading {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some(frame) = ready!(Pin::new(&mut self.0).poll_frame(cx)) {
            drop(black_box(frame));
        }
        let body = Full::new(Bytes::from_static(ANSWER));
        Poll::Ready(Ok(Response::new(body)))
    }
}

const PREVIEWED: &str = "recorded, the request as it flows by";

const ANSWER: &[u8] = br#"{"answer": "Mostly the platform's own work."}"#;

fn request() -> Request<Full<Bytes>> {
    Request::post("/chat")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(b"{}")))
        .unwrap()
}

/// A request whose body is read.
fn question() -> Request<Question> {
    request().map(|_| UnsyncBoxBody::new(Full::new(Bytes::from_static(QUESTION))))
}

const QUESTION: &[u8] =
    br#"{"question": "Why do traces of serverless functions get lost, and what can be done?"}"#;

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
async fn respond<S, Q, B>(request: Request<Q>, mut service: S)
where
    S: Service<Request<Q>, Response = Response<B>, Error = Infallible>,
    B: Body<Error = Infallible>,
{
    let response = service.call(request).await.unwrap();
    drop(black_box(response.into_body().collect().await.unwrap()));
}

/// The same, where nothing waits.
fn now<S, Q, B>(request: Request<Q>, service: S)
where
    S: Service<Request<Q>, Response = Response<B>, Error = Infallible>,
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
    let service = Kept::new(&runtime).service(&runtime, Answer);
    count(bencher, request, &service);
}

#[divan::bench(
    name = "the same with a traceparent",
    sample_count = 10,
    sample_size = 100
)]
fn allocations_linked(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let service = Kept::new(&runtime).service(&runtime, Answer);
    count(bencher, request_of_a_trace, &service);
}

#[divan::bench(name = "(the bare service that reads)")]
fn allocations_bare_reading(bencher: Bencher<'_, '_>) {
    bencher
        .with_inputs(question)
        .bench_local_values(|request| now(request, Read));
}

#[divan::bench(name = PREVIEWED, sample_count = 10, sample_size = 100)]
fn allocations_previewed(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let service = Kept::new(&runtime).service(&runtime, Read);
    count(bencher, question, &service);
}

fn count<S, Q, B>(bencher: Bencher<'_, '_>, request: fn() -> Request<Q>, service: &TraceService<S>)
where
    TraceService<S>: Service<Request<Q>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Error = Infallible>,
{
    bencher
        .with_inputs(|| (request(), service.clone()))
        .bench_local_values(|(request, service)| now(request, service));
}
