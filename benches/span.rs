//! What one span costs: start, ten attributes, end. The bare OpenTelemetry SDK with the span in a
//! `Context`, an observation, and an observation of a disabled SDK; and what encoding costs.
//!
//! `cargo bench --bench span`. The first table has the ratios: its candidates take turns, so a busy
//! machine slows all of them. The second has the allocations.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints a table and fails by panicking"
)]

mod in_turns;
mod receiver;

use std::{
    cell::Cell,
    convert::Infallible,
    hint::black_box,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use divan::{AllocProfiler, Bencher};
use http::{Request, Response};
use http_body_util::Empty;
use in_turns::in_turns;
use opentelemetry::{
    Context, KeyValue,
    trace::{TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;
use warmspan::{Config, Observation, Sdk, Usage, http::TraceLayer, observe};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const ROUNDS: usize = 2000;
/// Spans a turn; then what they left behind is taken away, outside of the measured time.
const BATCH: u32 = 100;
const BUDGET: Duration = Duration::from_secs(10);

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // The SDK of the process, which observed functions use; the others are by its side.
    warmspan::init(Config::new().enabled(false));
    let address = receiver::start(|_| ()).unwrap();
    let sdk = Sdk::new(receiver::config(address));
    print_spans(&runtime, &sdk);
    print_encoding(&runtime, &sdk);
    println!("\nallocations (and times that did not take turns):\n");
    divan::main();
}

fn print_spans(runtime: &Runtime, sdk: &Sdk) {
    let bare = Bare::new();
    let disabled = Sdk::disabled();
    let parent = sdk.span("parent");
    let off = disabled.span("parent");
    let ours = |run: fn(&Observation)| {
        let time = batch(|| run(&parent));
        runtime
            .block_on(async { sdk.force_flush(BUDGET).await.is_complete().then_some(time) })
            .unwrap()
    };
    let nanos = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(BATCH);
    let [
        bare_fixed,
        ours_fixed,
        bare_owned,
        ours_owned,
        off_fixed,
        off_owned,
        off_observed,
    ] = in_turns(
        ROUNDS,
        [
            &mut || bare.timed(bare_with_fixed_values),
            &mut || ours(ours_with_fixed_values),
            &mut || bare.timed(bare_with_owned_values),
            &mut || ours(ours_with_setters),
            &mut || batch(|| ours_with_fixed_values(black_box(&off))),
            &mut || batch(|| ours_with_setters(black_box(&off))),
            &mut || batch(|| _ = black_box(observed(black_box(QUESTION)))),
        ],
    );
    println!("ns a span, start to end, ten attributes each (times the bare SDK):\n");
    println!(
        "                         bare SDK, in a Context   observation           disabled SDK"
    );
    for (name, bare, ours, off) in [
        ("text constants", bare_fixed, ours_fixed, off_fixed),
        ("model, input, usage ...", bare_owned, ours_owned, off_owned),
    ] {
        println!(
            "{name:<24} {:>22.0} {:>13.0} ({:.2} x) {:>14.1}",
            nanos(bare),
            nanos(ours),
            nanos(ours) / nanos(bare),
            nanos(off),
        );
    }
    println!(
        "a call of an #[observe]d function {:>46.1}",
        nanos(off_observed)
    );
}

/// What the layer does when the handler returns `Pending`: it encodes what has ended.
fn print_encoding(runtime: &Runtime, sdk: &Sdk) {
    println!("\nencoding, while the handler waits:\n");
    for spans in [1, 10, 100] {
        let [with, without] = in_turns(
            ROUNDS / 4,
            [&mut || gap(runtime, sdk, spans), &mut || {
                gap(runtime, sdk, 0)
            }],
        );
        let nanos = with.saturating_sub(without).as_secs_f64() * 1e9;
        println!(
            "{spans:>5} spans: {:>6.0} ns a span",
            nanos / f64::from(spans)
        );
    }
}

/// The time from the handler's `Pending` to the layer's, after so many spans.
fn gap(runtime: &Runtime, sdk: &Sdk, spans: u32) -> Duration {
    let waiting = Cell::new(None);
    let handler = service_fn(async |_request: Request<Empty<Bytes>>| {
        let root = Observation::current().unwrap();
        (0..spans).for_each(|_| ours_with_fixed_values(&root));
        waiting.set(Some(Instant::now()));
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let service = TraceLayer::with_sdk(sdk.clone()).layer(handler);
    runtime.block_on(async {
        let mut answering = std::pin::pin!(service.oneshot(Request::new(Empty::new())));
        assert!(futures_util::poll!(answering.as_mut()).is_pending());
        let time = waiting.take().unwrap().elapsed();
        drop(answering.await.unwrap());
        time
    })
}

fn batch(mut run: impl FnMut()) -> Duration {
    let started = Instant::now();
    for _ in 0..BATCH {
        run();
    }
    started.elapsed()
}

/// The OpenTelemetry SDK with a processor that keeps what has ended, as every exporter's does.
struct Bare {
    tracer: SdkTracer,
    parent: Context,
    ended: Ended,
}

#[derive(Clone, Debug, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

impl Bare {
    fn new() -> Self {
        let ended = Ended::default();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(ended.clone())
            .build();
        let tracer = provider.tracer("bench");
        let parent = Context::new().with_span(tracer.start("parent"));
        Self {
            tracer,
            parent,
            ended,
        }
    }

    fn timed(&self, run: fn(&Self)) -> Duration {
        let time = batch(|| run(self));
        // Exporters take a batch by value, so the next begins with an empty list.
        drop(std::mem::take(&mut *self.ended.0.lock().unwrap()));
        time
    }

    fn start(&self) -> Context {
        let span = self.tracer.start_with_context("step", &self.parent);
        self.parent.with_span(span)
    }
}

impl SpanProcessor for Ended {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn bare_with_fixed_values(bare: &Bare) {
    let context = bare.start();
    let span = context.span();
    for key in KEYS {
        span.set_attribute(KeyValue::new(key, VALUE));
    }
    span.end();
}

fn ours_with_fixed_values(parent: &Observation) {
    let span = parent.observation("step").start();
    for key in KEYS {
        span.attribute(key, VALUE);
    }
    span.end();
}

const KEYS: [&str; 10] = [
    "app.a", "app.b", "app.c", "app.d", "app.e", "app.f", "app.g", "app.h", "app.i", "app.j",
];
const VALUE: &str = "a value of middling length";

/// What the setters below record, written by hand.
fn bare_with_owned_values(bare: &Bare) {
    let context = bare.start();
    let span = context.span();
    let parameters = serde_json::to_string(&*PARAMETERS).unwrap();
    let usage = serde_json::to_string(&*USAGE).unwrap();
    for (key, value) in [
        ("langfuse.observation.model.name", "gpt-5-mini".to_owned()),
        ("langfuse.observation.model.parameters", parameters),
        ("langfuse.observation.input", QUESTION.to_owned()),
        ("langfuse.observation.output", ANSWER.to_owned()),
        ("langfuse.observation.usage_details", usage),
        ("langfuse.observation.metadata.route", VALUE.to_owned()),
        ("langfuse.observation.metadata.tenant", VALUE.to_owned()),
        ("langfuse.observation.level", "WARNING".to_owned()),
        ("langfuse.observation.status_message", "cut".to_owned()),
        ("langfuse.version", "2".to_owned()),
    ] {
        span.set_attribute(KeyValue::new(key, value));
    }
    span.end();
}

fn ours_with_setters(parent: &Observation) {
    let generation = parent.observation("step").start();
    generation
        .model("gpt-5-mini")
        .model_parameters(&*PARAMETERS)
        .input(QUESTION)
        .output(ANSWER)
        .usage(Usage::new().input(120).output(9))
        .metadata("route", VALUE)
        .metadata("tenant", VALUE)
        .level(warmspan::Level::Warning)
        .status_message("cut")
        .version("2")
        .end();
}

#[observe]
fn observed(question: &str) -> usize {
    question.len()
}

static PARAMETERS: LazyLock<Value> = LazyLock::new(|| json!({"temperature": 0.2}));
static USAGE: LazyLock<Value> = LazyLock::new(|| json!({"input": 120, "output": 9}));
const QUESTION: &str = "What does a cold start cost, and which part of it is ours?";
const ANSWER: &str = "Mostly the platform's own work: the sandbox, the download, the runtime.";

fn count(bencher: Bencher<'_, '_>, sdk: &Sdk, run: fn(&Observation)) {
    let parent = sdk.span("parent");
    bencher.bench_local(|| run(black_box(&parent)));
}

#[divan::bench(
    sample_count = 10,
    sample_size = 100,
    name = "a call of an #[observe]d function: disabled"
)]
fn allocations_observed() -> usize {
    observed(black_box(QUESTION))
}

/// An SDK whose spans stay where they are: fewer than its queue holds.
fn kept() -> Sdk {
    let sdk = Sdk::new(receiver::config(([127, 0, 0, 1], 9).into()));
    // Its end would only warn of them.
    std::mem::forget(sdk.clone());
    sdk
}

#[divan::bench(
    sample_count = 10,
    sample_size = 100,
    name = "text constants: bare SDK"
)]
fn allocations_bare_fixed(bencher: Bencher<'_, '_>) {
    let bare = Bare::new();
    bencher.bench_local(|| bare_with_fixed_values(&bare));
}

#[divan::bench(
    sample_count = 10,
    sample_size = 100,
    name = "text constants: observation"
)]
fn allocations_ours_fixed(bencher: Bencher<'_, '_>) {
    count(bencher, &kept(), ours_with_fixed_values);
}

#[divan::bench(
    sample_count = 10,
    sample_size = 100,
    name = "text constants: disabled"
)]
fn allocations_off_fixed(bencher: Bencher<'_, '_>) {
    count(bencher, &Sdk::disabled(), ours_with_fixed_values);
}

#[divan::bench(
    sample_count = 10,
    sample_size = 100,
    name = "model, input, usage ...: bare SDK"
)]
fn allocations_bare_owned(bencher: Bencher<'_, '_>) {
    let bare = Bare::new();
    bencher.bench_local(|| bare_with_owned_values(&bare));
}

#[divan::bench(
    sample_count = 10,
    sample_size = 100,
    name = "model, input, usage ...: observation"
)]
fn allocations_ours_owned(bencher: Bencher<'_, '_>) {
    count(bencher, &kept(), ours_with_setters);
}

#[divan::bench(
    sample_count = 10,
    sample_size = 100,
    name = "model, input, usage ...: disabled"
)]
fn allocations_off_owned(bencher: Bencher<'_, '_>) {
    count(bencher, &Sdk::disabled(), ours_with_setters);
}
