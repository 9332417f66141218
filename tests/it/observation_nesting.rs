//! The current observation: who is whose child, across awaits, tasks and cancellations.

use std::time::Duration;

use warmspan::{
    Level, Observation, ObservationType, ObserveFuture as _, Sdk, Usage,
    testkit::langfuse::Langfuse,
};

async fn outline(record: impl AsyncFnOnce(&Sdk)) -> String {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    record(&sdk).await;
    assert!(sdk.force_flush(Duration::from_secs(5)).await.is_complete());
    langfuse
        .traces()
        .iter()
        .map(warmspan::testkit::tree::Trace::outline)
        .collect::<Vec<_>>()
        .join("--\n")
}

#[tokio::test]
async fn by_hand_around_code_and_around_futures() {
    let outline = outline(async |sdk| {
        let root = sdk.span("request");
        let by_hand = root
            .observation("by-hand")
            .as_type(ObservationType::Tool)
            .start();
        by_hand.observation("below").start().end();
        by_hand.end();
        root.in_scope(|| sdk.event("cache-hit").end());
        async {
            tokio::task::yield_now().await;
            sdk.generation("model")
                .model("gpt-5")
                .usage(Usage::new().input(1))
                .end();
        }
        .in_observation(&root)
        .await;
        root.end();
    });
    assert_eq!(
        outline.await,
        "request [span]\n\
         ├─ by-hand [tool]\n\
         │  └─ below [span]\n\
         ├─ cache-hit [event]\n\
         └─ model [generation]\n"
    );
}

#[tokio::test]
async fn spawned_tasks_keep_their_parent_with_the_helper_and_lose_it_without() {
    let outline = outline(async |sdk| {
        let (with, without) = (sdk.clone(), sdk.clone());
        async {
            tokio::spawn(async move { with.span("with").end() }.in_current_observation())
                .await
                .unwrap();
            tokio::spawn(async move { without.span("without").end() })
                .await
                .unwrap();
        }
        .observed(sdk.span("request"))
        .await;
    });
    let outline = outline.await;
    assert!(
        outline.contains("request [span]\n└─ with [span]\n"),
        "{outline}"
    );
    assert!(
        outline.contains("without [span]\n") && !outline.contains("─ without"),
        "{outline}"
    );
}

#[tokio::test]
async fn interleaved_futures_do_not_mix() {
    let outline = outline(async |sdk| {
        let work = |name: &'static str| {
            async move {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                    sdk.span(format!("of-{name}")).end();
                }
            }
            .observed(sdk.span(name))
        };
        tokio::join!(work("a"), work("b"));
        assert!(Observation::current().is_none(), "nothing leaks out");
    });
    let child =
        |name: &str| format!("├─ of-{name} [span]\n├─ of-{name} [span]\n└─ of-{name} [span]\n");
    let mut traces: Vec<_> = outline.await.split("--\n").map(str::to_owned).collect();
    traces.sort();
    assert_eq!(
        traces,
        [
            format!("a [span]\n{}", child("a")),
            format!("b [span]\n{}", child("b"))
        ]
    );
}

#[tokio::test]
async fn a_cancelled_future_closes_its_observations_from_the_inside_out() {
    let outline = outline(async |sdk| {
        let inner = std::future::pending::<()>().observed(sdk.observation("inner").root().start());
        drop(inner);
        let work = async {
            let _held = sdk.span("held");
            std::future::pending::<()>().await;
        };
        let mut work = Box::pin(work.observed(sdk.span("outer")));
        assert!(futures_util::poll!(&mut work).is_pending());
    });
    let outline = outline.await;
    assert!(
        outline.contains("outer [span] WARNING \"cancelled: the future was dropped before it was done\"\n└─ held [span]\n"),
        "{outline}"
    );
}

#[tokio::test]
async fn a_panic_is_an_error_and_goes_on() {
    let outline = outline(async |sdk| {
        let work = async { panic!("boom") }.observed(sdk.span("work"));
        let caught =
            futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(work)).await;
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "boom");
    });
    assert_eq!(outline.await, "work [span] ERROR \"panicked\"\n");
}

#[tokio::test]
async fn a_later_value_replaces_an_earlier_one_and_the_end_is_final() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    let span = sdk.span("first-name");
    span.input("draft")
        .input(&serde_json::json!({"q": 1}))
        .name("last-name");
    span.metadata("a", "x")
        .metadata("b", &[1, 2])
        .metadata("a", "y")
        .metadata("b", &());
    span.level(Level::Error)
        .level(Level::Warning)
        .status_message("careful");
    span.end();
    span.output("too late").end();
    drop(span);
    assert!(sdk.force_flush(Duration::from_secs(5)).await.is_complete());
    let all = langfuse.observations();
    let [seen] = all.as_slice() else {
        panic!("{} observations", all.len())
    };
    assert_eq!(
        (
            seen.name.as_str(),
            seen.input.as_deref(),
            seen.output.as_deref()
        ),
        ("last-name", Some("{\"q\":1}"), None)
    );
    assert_eq!(
        (seen.level.as_str(), seen.status_message.as_deref()),
        ("WARNING", Some("careful"))
    );
    let metadata: Vec<_> = seen
        .attributes
        .keys()
        .filter(|key| key.contains("metadata"))
        .collect();
    assert_eq!(metadata, ["langfuse.observation.metadata.a"]);
    assert_eq!(seen.text("langfuse.observation.metadata.a"), Some("y"));
}

#[tokio::test]
async fn an_applications_own_spans_are_neither_parents_nor_children() {
    use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let tracer = provider.tracer("application");
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    let theirs = opentelemetry::Context::current_with_span(tracer.start("theirs"));
    let attached = theirs.clone().attach();
    let ours = sdk.span("ours");
    assert_ne!(ours.trace_id(), theirs.span().span_context().trace_id());
    ours.in_scope(|| {
        let inside = opentelemetry::Context::current();
        assert_eq!(
            inside.span().span_context(),
            theirs.span().span_context(),
            "their slot is left alone"
        );
    });
    drop(attached);
}
