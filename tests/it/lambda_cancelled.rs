//! An invocation that is dropped before it is done.

use std::future::pending;

use futures_util::FutureExt as _;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tower::Service as _;
use warmspan::{ObserveFuture as _, lambda::Traced};

use crate::lambda_stage::{Stage, event, invoke};

#[tokio::test]
async fn its_spans_are_warnings_and_leave_with_the_next_invocation() {
    let stage = Stage::set().await;
    let sdk = stage.sdk();
    let inside = sdk.clone();
    let handler = service_fn(move |event: LambdaEvent<bool>| {
        let step = inside.clone();
        async move {
            if event.payload {
                pending::<()>().observed(step.span("step")).await;
            }
            Ok::<_, Error>(())
        }
    });
    let mut service = Traced::new(handler, sdk.clone());
    assert!(service.call(event("true")).now_or_never().is_none());
    assert_eq!(sdk.pending_spans(), 2);
    invoke(&mut service, "false").await.unwrap();

    assert_eq!(sdk.pending_spans(), 0);
    let outlines = stage.outlines(&[]);
    let cancelled = outlines
        .iter()
        .find(|outline| outline.contains("step"))
        .unwrap();
    assert!(
        cancelled.starts_with(
            "chat [span] WARNING \"cancelled before the response\"\n└─ step [span] WARNING"
        ),
        "{cancelled}"
    );
    assert!(
        outlines.contains(&"chat [span]\n".to_owned()),
        "{outlines:?}"
    );
}

#[tokio::test]
async fn dropped_while_it_flushes_it_loses_nothing() {
    let stage = Stage::set().await;
    let sdk = stage.sdk();
    let handler = service_fn(|_: LambdaEvent<Value>| async { Ok::<_, Error>(()) });
    let mut service = Traced::new(handler, sdk.clone());
    // Polled once: the handler is done, and the flush has begun.
    assert!(service.call(event("{}")).now_or_never().is_none());
    invoke(&mut service, "{}").await.unwrap();

    assert_eq!((sdk.pending_spans(), sdk.losses().total()), (0, 0));
    assert_eq!(stage.outlines(&[]), ["chat [span]\n", "chat [span]\n"]);
}
