//! What a handler observes is below its invocation's root.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use warmspan::{Observation, ObserveFuture as _, Sdk, lambda::Traced};

use crate::lambda_stage::{Stage, invoke};

#[tokio::test]
async fn steps_and_spawned_tasks_nest() {
    let stage = Stage::set().await;
    let sdk = stage.sdk();
    let inside = sdk.clone();
    let handler = service_fn(move |_: LambdaEvent<Value>| {
        let sdk = inside.clone();
        async move {
            work(&sdk).observed(sdk.span("work")).await?;
            sdk.span("afterwards").end();
            Ok::<_, Error>(())
        }
    });
    let mut service = Traced::new(handler, sdk);
    for _ in 0..2 {
        invoke(&mut service, "{}").await.unwrap();
    }

    assert_eq!(
        stage.outlines(&[]),
        ["chat [span]\n\
          ├─ work [span]\n\
          │  ├─ asked [event]\n\
          │  └─ task [span]\n\
          │     └─ lookup [tool]\n\
          └─ afterwards [span]\n"; 2]
    );
}

async fn work(sdk: &Sdk) -> Result<(), Error> {
    sdk.event("asked").end();
    let sdk = sdk.clone();
    let task = async move {
        let task = sdk.span("task");
        let lookup = async { sdk.tool("lookup").end() };
        lookup.observed(task).await;
    };
    tokio::spawn(task.in_current_observation()).await?;
    Ok(())
}

#[tokio::test]
async fn invocations_side_by_side_keep_apart() {
    let stage = Stage::set().await;
    let sdk = stage.sdk();
    let inside = sdk.clone();
    let handler = service_fn(move |event: LambdaEvent<String>| {
        let sdk = inside.clone();
        async move {
            for _ in 0..3 {
                sdk.span(event.payload.clone()).end();
                tokio::task::yield_now().await;
            }
            Ok::<_, Error>(())
        }
    });
    let (mut a, mut b) = {
        let service = Traced::new(handler, sdk);
        (service.clone(), service)
    };
    let (a, b) = tokio::join!(invoke(&mut a, r#""a""#), invoke(&mut b, r#""b""#));
    assert!(a.is_ok() && b.is_ok());

    let mut outlines = stage.outlines(&[]);
    outlines.sort();
    let outline =
        |name| format!("chat [span]\n├─ {name} [span]\n├─ {name} [span]\n└─ {name} [span]\n");
    assert_eq!(outlines, [outline("a"), outline("b")]);
}

#[tokio::test]
async fn the_handler_can_add_to_the_root() {
    let stage = Stage::set().await;
    let handler = service_fn(|_: LambdaEvent<Value>| async {
        let root = Observation::current().ok_or("no root")?;
        root.metadata("customer", "c-1");
        Ok::<_, Error>(())
    });
    let mut service = Traced::new(handler, stage.sdk());
    invoke(&mut service, "{}").await.unwrap();

    assert_eq!(
        stage.root().text("langfuse.observation.metadata.customer"),
        Some("c-1")
    );
    assert!(
        Observation::current().is_none(),
        "it leaked out of the invocation"
    );
}
