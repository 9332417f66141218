//! A handler that panics: the trace leaves first, then the panic goes on.

use std::{any::Any, convert::Infallible, future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tower::Service;
use warmspan::{
    ObserveFuture as _,
    lambda::{Payload, Traced},
};

use crate::lambda_stage::{Stage, event};

#[tokio::test]
async fn a_panic_while_polled_is_an_error_and_goes_on() {
    let stage = Stage::set().await;
    let panics = service_fn(|event: LambdaEvent<Value>| async move {
        tokio::task::yield_now().await;
        assert!(!event.payload.is_object(), "out of hand");
        Ok::<_, Error>(())
    });
    let panic = panic_of(&mut Traced::new(panics, stage.sdk())).await;

    assert_eq!(panic.downcast_ref::<&str>(), Some(&"out of hand"));
    assert_eq!(
        stage.outlines(&[]),
        ["chat [span] ERROR \"panicked: out of hand\"\n"]
    );
}

#[tokio::test]
async fn a_panic_while_called_is_an_error_and_goes_on() {
    let stage = Stage::set().await;
    let panics = service_fn(|event: LambdaEvent<Value>| {
        assert!(!event.payload.is_object(), "out of hand");
        async { Ok::<_, Error>(()) }
    });
    let panic = panic_of(&mut Traced::new(panics, stage.sdk())).await;

    assert_eq!(panic.downcast_ref::<&str>(), Some(&"out of hand"));
    assert_eq!(
        stage.outlines(&[]),
        ["chat [span] ERROR \"panicked: out of hand\"\n"]
    );
}

#[tokio::test]
async fn a_panic_keeps_a_payload_of_any_type() {
    #[derive(Debug, PartialEq)]
    struct Reason(u8);
    let stage = Stage::set().await;
    let panics = service_fn(|_: LambdaEvent<Value>| async {
        std::panic::resume_unwind(Box::new(Reason(7)));
        #[expect(unreachable_code, reason = "it says what would be returned")]
        Ok::<(), Infallible>(())
    });
    let panic = panic_of(&mut Traced::new(panics, stage.sdk())).await;

    assert_eq!(panic.downcast_ref::<Reason>(), Some(&Reason(7)));
    assert_eq!(
        stage.outlines(&[]),
        ["chat [span] ERROR \"panicked: a value that is no text\"\n"]
    );
}

#[tokio::test]
async fn what_was_open_inside_ends_with_the_panic() {
    let stage = Stage::set().await;
    let sdk = stage.sdk();
    let inside = sdk.clone();
    let panics = service_fn(move |event: LambdaEvent<Value>| {
        let step = inside.clone();
        async move {
            let work = async { panic!("out of hand: {}", event.payload) };
            work.observed(step.span("step")).await;
            Ok::<_, Error>(())
        }
    });
    let panic = panic_of(&mut Traced::new(panics, sdk)).await;

    assert_eq!(panic.downcast_ref::<String>().unwrap(), "out of hand: {}");
    let outline = stage.outlines(&[]).remove(0);
    assert!(
        outline.starts_with("chat [span] ERROR \"panicked: out of hand: {}\"\n"),
        "{outline}"
    );
    assert!(outline.contains("└─ step [span] ERROR"), "{outline}");
}

/// Invokes a handler that panics, and returns what it panicked with. Everything it recorded has
/// arrived by then, or the test that asks will miss it.
async fn panic_of<S>(service: &mut S) -> Box<dyn Any + Send>
where
    S: Service<LambdaEvent<Payload<Value>>, Future: Future>,
{
    let invocation = AssertUnwindSafe(service.call(event("{}")));
    invocation.catch_unwind().await.err().unwrap()
}
