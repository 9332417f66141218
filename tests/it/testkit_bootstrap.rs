//! Bootstraps for the emulator's tests, written against the bare Runtime API.
//!
//! The test binary is its own bootstrap: the emulator spawns it again with the arguments that run only
//! the test [`bootstrap`] below, and names the role to play in a variable. Without that variable, which
//! is how a test run sees it, the test does nothing.

#![cfg(unix)]

use std::env;
use std::io::Write;
use std::process::exit;
use std::thread;
use std::time::{Duration, SystemTime};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use warmspan::testkit::lambda::{Emulator, EmulatorBuilder};

use crate::testkit_http::{Answer, Connection};

const ROLE: &str = "TESTKIT_BOOTSTRAP";

/// An emulator that plays `role`.
pub(crate) fn emulator(role: &str) -> EmulatorBuilder {
    Emulator::builder(env::current_exe().unwrap())
        .arg("--exact")
        .arg("testkit_bootstrap::bootstrap")
        .arg("--nocapture")
        .env(ROLE, role)
}

#[test]
fn bootstrap() {
    let Ok(role) = env::var(ROLE) else { return };
    match role.as_str() {
        "exits in init" => {
            println!("no configuration");
            exit(3);
        }
        "reports an init error" => report_init_error(),
        "never asks" => park(),
        "registers but never asks" => {
            Extension::register(&["INVOKE"]);
            serve();
        }
        "registers twice" => {
            let status = |events| register("same", &events).status;
            println!(
                "{} {} {}",
                status(json!([])),
                status(json!([])),
                status(json!(["NONSENSE"]))
            );
            println!("{}", register("other", &json!(["SHUTDOWN"])).status);
            exit(0);
        }
        "serves" => serve(),
        "lambda_runtime" => lambda_runtime(),
        "two workers" => {
            thread::spawn(serve);
            serve();
        }
        "ticks" => {
            tick();
            serve();
        }
        "has an extension" => {
            let mut extension = Extension::register(&["INVOKE"]);
            thread::spawn(move || {
                extension.next();
                loop {
                    // The end of the flush.
                    thread::sleep(Duration::from_millis(150));
                    println!("extension flushed");
                    extension.next();
                }
            });
            serve();
        }
        "has an extension that heeds SIGTERM" => {
            heed_sigterm();
            let mut extension = Extension::register(&[]);
            thread::spawn(move || extension.next());
            serve();
        }
        "has an extension that ignores SIGTERM" => {
            ignore_sigterm();
            let mut extension = Extension::register(&[]);
            thread::spawn(move || extension.next());
            serve();
        }
        "heeds SIGTERM" => {
            heed_sigterm();
            serve();
        }
        unknown => panic!("unknown role {unknown}"),
    }
    exit(0);
}

/// The real client of the Runtime API.
fn lambda_runtime() {
    async fn handle(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
        match event.payload["do"].as_str() {
            Some("fail") => Err("on purpose".into()),
            Some("panic") => panic!("out of hand"),
            _ => Ok(json!({
                "tenant": event.context.tenant_id,
                "request_id": event.context.request_id,
                "in_time": event.context.deadline() > SystemTime::now(),
            })),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(lambda_runtime::run(service_fn(handle)))
        .unwrap();
}

/// Serves events; what an event asks for, it gets.
fn serve() {
    let mut runtime = runtime_api();
    loop {
        let next = runtime
            .get("/2018-06-01/runtime/invocation/next", &[])
            .unwrap();
        if !(respond(&mut runtime, &next)) {
            return;
        }
    }
}

fn respond(runtime: &mut Connection, next: &Answer) -> bool {
    let id = next.header("lambda-runtime-aws-request-id").unwrap();
    let event: Value = serde_json::from_slice(&next.body).unwrap();
    let path = |what: &str| format!("/2018-06-01/runtime/invocation/{id}/{what}");
    let sleep_ms =
        |key: &str| thread::sleep(Duration::from_millis(event[key].as_u64().unwrap_or(0)));

    sleep_ms("sleep_before");
    match event["do"].as_str() {
        Some("exit") => exit(7),
        Some("hang") => park(),
        Some("fail") => {
            let report = json!({ "errorType": "Boom", "errorMessage": "on purpose" }).to_string();
            assert_eq!(
                runtime
                    .post(&path("error"), &[], report.as_bytes())
                    .unwrap()
                    .status,
                202
            );
        }
        Some("stream") => {
            stream(runtime, &path("response"), "");
        }
        Some("break the stream") => {
            let report = "eyJlcnJvck1lc3NhZ2UiOiJjdXQifQ=="; // {"errorMessage":"cut"}
            let trailers = format!(
                "Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n\
                 Lambda-Runtime-Function-Error-Body: {report}\r\n"
            );
            stream(runtime, &path("response"), &trailers);
        }
        Some("ask too early") => {
            let early = runtime_api()
                .get("/2018-06-01/runtime/invocation/next", &[])
                .unwrap();
            assert_eq!(
                runtime
                    .post(&path("response"), &[], early.status.to_string().as_bytes())
                    .unwrap()
                    .status,
                202
            );
        }
        Some("answer twice") => {
            let first = runtime.post(&path("response"), &[], b"1").unwrap().status;
            let second = runtime.post(&path("response"), &[], b"2").unwrap().status;
            println!("answered {first} {second}");
        }
        Some("answer and exit") => {
            runtime.post(&path("response"), &[], b"last words").unwrap();
            exit(9);
        }
        Some("environment") => {
            let all: Vec<(String, String)> = env::vars().collect();
            runtime
                .post(&path("response"), &[], json!(all).to_string().as_bytes())
                .unwrap();
        }
        _ => {
            let headers: Vec<_> = next
                .headers
                .iter()
                .filter(|(name, _)| name.starts_with("lambda-runtime"))
                .collect();
            let echo = json!({ "event": event, "headers": headers }).to_string();
            assert_eq!(
                runtime
                    .post(&path("response"), &[], echo.as_bytes())
                    .unwrap()
                    .status,
                202
            );
        }
    }
    // What a layer does between the response and the next event.
    sleep_ms("sleep_after");
    true
}

/// A chunked response in the streaming mode, with these trailers.
fn stream(runtime: &mut Connection, path: &str, trailers: &str) {
    let headers = [
        ("lambda-runtime-function-response-mode", "streaming"),
        ("transfer-encoding", "chunked"),
        (
            "trailer",
            "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
        ),
    ];
    let body = format!("5\r\nhello\r\n6\r\n world\r\n0\r\n{trailers}\r\n");
    assert_eq!(
        runtime
            .post(path, &headers, body.as_bytes())
            .unwrap()
            .status,
        202
    );
}

struct Extension {
    api: Connection,
    id: String,
}

impl Extension {
    fn register(events: &[&str]) -> Self {
        let registered = register("testkit", &json!(events));
        assert_eq!(registered.status, 200);
        let id = registered
            .header("lambda-extension-identifier")
            .unwrap()
            .to_owned();
        Self {
            api: runtime_api(),
            id,
        }
    }

    fn next(&mut self) -> Value {
        let id = [("lambda-extension-identifier", self.id.as_str())];
        let next = self
            .api
            .get("/2020-01-01/extension/event/next", &id)
            .unwrap();
        serde_json::from_slice(&next.body).unwrap()
    }
}

fn register(name: &str, events: &Value) -> Answer {
    let body = json!({ "events": events }).to_string();
    let name = [("lambda-extension-name", name)];
    runtime_api()
        .post("/2020-01-01/extension/register", &name, body.as_bytes())
        .unwrap()
}

fn report_init_error() {
    let report = json!({ "errorType": "Config", "errorMessage": "no model" }).to_string();
    runtime_api()
        .post("/2018-06-01/runtime/init/error", &[], report.as_bytes())
        .unwrap();
    park();
}

/// Counts loudly in the background, a line every 5 ms.
fn tick() {
    thread::spawn(|| {
        for i in 0.. {
            println!("tick {i}");
            std::io::stdout().flush().unwrap();
            thread::sleep(Duration::from_millis(5));
        }
    });
}

fn heed_sigterm() {
    on_sigterm(|| {
        println!("heard SIGTERM");
        exit(0);
    });
}

fn ignore_sigterm() {
    on_sigterm(|| println!("ignored SIGTERM"));
}

/// Returns once the handler is in place.
fn on_sigterm(then: fn()) {
    let (ready, is_ready) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let kind = tokio::signal::unix::SignalKind::terminate();
            let mut terminate = tokio::signal::unix::signal(kind).unwrap();
            ready.send(()).unwrap();
            while terminate.recv().await.is_some() {
                then();
            }
        });
    });
    is_ready.recv().unwrap();
}

fn park() {
    loop {
        thread::park();
    }
}

fn runtime_api() -> Connection {
    Connection::open(&env::var("AWS_LAMBDA_RUNTIME_API").unwrap()).unwrap()
}
