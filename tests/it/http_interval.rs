//! Long-running servers: what has ended is sent from time to time.

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response};
use tower::service_fn;
use warmspan::{
    Sdk,
    testkit::langfuse::{Fault, Langfuse},
};

use crate::{
    http_stage::{respond, server},
    lambda_stage::LONG,
};

const SOON: (&str, &str) = ("LANGFUSE_FLUSH_INTERVAL", "0.01");
const MUCH_LATER: (&str, &str) = ("LANGFUSE_FLUSH_INTERVAL", "3600");
const AFTER: (&str, &str) = ("WARMSPAN_FLUSH", "after-response");

#[tokio::test]
async fn what_ends_outside_of_requests_is_sent_by_itself() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[SOON]);
    for number in 1..=3 {
        sdk.span("background work").end();
        langfuse.wait_for_spans(number, LONG).await.unwrap();
    }
    assert!(sdk.is_enabled());
}

#[tokio::test]
async fn without_an_interval_it_waits_for_a_flush() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[]);
    sdk.span("background work").end();
    respond(&sdk, answers(), Request::new(Body::empty())).await;
    assert_eq!(langfuse.observations().len(), 2, "sent with the request");
}

#[tokio::test]
async fn after_the_response_with_an_interval_no_response_waits() {
    let langfuse = Langfuse::start().await.unwrap();
    // A response that waited would wait for the timeout.
    langfuse.answer(Fault::Hang);
    let sdk = server(&langfuse, &[MUCH_LATER, AFTER]);
    let begin = std::time::Instant::now();
    for _ in 0..3 {
        respond(&sdk, answers(), Request::new(Body::empty())).await;
    }
    assert!(begin.elapsed().as_secs() < 2, "they waited");
    assert!(langfuse.requests().is_empty());
    assert_eq!(sdk.pending_spans(), 3);
    langfuse.recover();
    assert!(sdk.shutdown(LONG).await.is_complete());
    assert_eq!(langfuse.observations().len(), 3);
}

#[tokio::test]
async fn after_the_response_with_an_interval_all_arrive() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[SOON, AFTER]);
    for _ in 0..20 {
        respond(&sdk, answers(), Request::new(Body::empty())).await;
    }
    langfuse.wait_for_spans(20, LONG).await.unwrap();
}

#[tokio::test]
async fn before_the_response_each_request_is_flushed_as_ever() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[MUCH_LATER]);
    respond(&sdk, answers(), Request::new(Body::empty())).await;
    assert_eq!(langfuse.observations().len(), 1);
}

#[tokio::test]
async fn a_back_end_that_was_away_gets_what_was_kept() {
    let langfuse = Langfuse::start().await.unwrap();
    langfuse.stop().await;
    let sdk = server(&langfuse, &[SOON]);
    sdk.span("background work").end();
    assert!(!sdk.force_flush(LONG).await.is_complete());
    langfuse.restart().await.unwrap();
    langfuse.wait_for_spans(1, LONG).await.unwrap();
}

#[tokio::test]
async fn the_shutdown_does_not_wait_for_one_that_hangs() {
    let langfuse = Langfuse::start().await.unwrap();
    langfuse.answer_next(1, &Fault::Hang);
    let sdk = server(&langfuse, &[SOON, ("LANGFUSE_TIMEOUT", "600")]);
    sdk.span("background work").end();
    let asked = async {
        while langfuse.requests().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, asked).await.unwrap();
    let report = sdk.shutdown(LONG).await;
    assert!(report.is_complete(), "{report}");
    assert_eq!(langfuse.observations().len(), 1);
}

#[test]
fn it_ends_with_its_sdk() {
    // The thread would keep the process's memory of the SDK for ever; its connection tells.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let langfuse = Langfuse::start().await.unwrap();
        let sdk: Sdk = server(&langfuse, &[SOON]);
        sdk.span("background work").end();
        langfuse.wait_for_spans(1, LONG).await.unwrap();
        assert_eq!(langfuse.open_connections(), 1);
        drop(sdk);
        let closed = async {
            while langfuse.open_connections() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, closed).await.unwrap();
    });
}

fn answers()
-> impl tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> {
    service_fn(|_: Request<Body>| async { Ok(Response::new(Body::from("an answer"))) })
}
