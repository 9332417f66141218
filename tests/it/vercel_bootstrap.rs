//! A function for the tests that need the real runtime: it may say `end`, be stopped and be ended.
//!
//! The test binary is its own executable; see `testkit_bootstrap`.

#![cfg(unix)]

use std::{env, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::Notify;
use vercel_runtime::{AppState, Error, Request, Response, ResponseBody, service_fn};
use warmspan::{
    testkit::{
        langfuse::Langfuse,
        vercel::{Emulator, EmulatorBuilder},
    },
    vercel::traced,
};

const ROLE: &str = "VERCEL_BOOTSTRAP";

/// An emulator that plays `role` and sends its traces to `langfuse`.
pub(crate) fn emulator(role: &str, langfuse: &Langfuse) -> EmulatorBuilder {
    Emulator::builder(env::current_exe().unwrap())
        .arg("--exact")
        .arg("vercel_bootstrap::bootstrap")
        .arg("--nocapture")
        .env(ROLE, role)
        .env("LANGFUSE_BASE_URL", langfuse.base_url())
        .env("LANGFUSE_PUBLIC_KEY", langfuse.public_key())
        .env("LANGFUSE_SECRET_KEY", langfuse.secret_key())
}

#[test]
fn bootstrap() {
    let Ok(role) = env::var(ROLE) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(play(&role)).unwrap();
}

async fn play(role: &str) -> Result<(), Error> {
    let gate = Arc::new(Notify::new());
    let handler = move |request: Request, state: AppState| {
        std::future::ready(handle(&request, &state, Arc::clone(&gate)))
    };
    match role {
        "untraced" => vercel_runtime::run(service_fn(handler)).await,
        "traced" => vercel_runtime::run(traced(service_fn(handler))).await,
        "exits" => panic!("no configuration"),
        unknown => panic!("unknown role {unknown}"),
    }
}

fn handle(
    request: &Request,
    state: &AppState,
    gate: Arc<Notify>,
) -> Result<Response<ResponseBody>, Error> {
    match request.uri().path() {
        "/stream" => {
            // The second piece waits until somebody asks for `/go`.
            Ok(two_pieces(async move { gate.notified().await }))
        }
        "/stream-endlessly" => {
            let pieces = stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Some((Ok(Frame::data(Bytes::from("again "))), ()))
            });
            let frames = sync_wrapper::SyncStream::new(pieces);
            Ok(Response::new(StreamBody::new(frames).into()))
        }
        "/stream-slowly" => Ok(two_pieces(tokio::time::sleep(PAUSE))),
        "/go" => {
            gate.notify_one();
            Ok(Response::new("gone".into()))
        }
        "/fail" => Err("on purpose".into()),
        "/log" => {
            state.log_context.info("a line of the function's");
            Ok(Response::new("logged".into()))
        }
        _ => {
            warmspan::sdk().span("step").end();
            Ok(Response::new("an answer".into()))
        }
    }
}

/// How long the second piece of `/stream-slowly` takes to make.
const PAUSE: Duration = Duration::from_millis(300);

/// A streamed answer whose second piece waits.
fn two_pieces(wait: impl Future<Output = ()> + Send + 'static) -> Response<ResponseBody> {
    let late = stream::once(async {
        wait.await;
        "answer"
    });
    let pieces = stream::iter(["a streamed "]).chain(late);
    let frames = pieces.map(|piece| Ok(Frame::data(Bytes::from(piece))));
    let frames = sync_wrapper::SyncStream::new(frames);
    Response::new(StreamBody::new(frames).into())
}
