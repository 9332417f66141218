//! A flush works on every runtime, and blocks none.

use std::time::Duration;

use warmspan::{
    Sdk,
    testkit::langfuse::{Fault, Langfuse},
};

const BUDGET: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "current_thread")]
async fn on_a_current_thread_runtime_other_tasks_go_on() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    langfuse.answer_next(1, &Fault::Slow(Duration::from_millis(200)));
    sdk.span("one").end();
    let flush = sdk.force_flush(BUDGET);
    let others = async {
        let mut turns = 0;
        loop {
            tokio::task::yield_now().await;
            turns += 1;
            if !langfuse.requests().is_empty() {
                return turns;
            }
        }
    };
    let (report, turns) = tokio::join!(flush, others);
    assert_eq!(report.delivered(), 1);
    assert!(turns > 1, "the flush held the runtime");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_multi_thread_runtime() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    sdk.span("one").end();
    assert_eq!(sdk.force_flush(BUDGET).await.delivered(), 1);
}

#[test]
fn outside_of_tokio() {
    let langfuse = block_on(Langfuse::start()).unwrap();
    let sdk = Sdk::new(langfuse.config());
    sdk.span("one").end();
    // An executor that knows nothing of Tokio.
    let report = futures_executor::block_on(sdk.force_flush(BUDGET));
    assert_eq!(report.delivered(), 1, "{report}");
}

#[test]
fn one_runtime_after_another() {
    let langfuse = block_on(Langfuse::start()).unwrap();
    let sdk = Sdk::new(langfuse.config());
    for _ in 0..3 {
        sdk.span("one").end();
        // The connection of the last runtime died with it.
        assert_eq!(block_on(sdk.force_flush(BUDGET)).delivered(), 1);
    }
    assert_eq!(langfuse.observations().len(), 3);
}

#[tokio::test(flavor = "current_thread")]
async fn dropping_the_sdk_with_unsent_spans_does_not_block_the_runtime() {
    let langfuse = Langfuse::start().await.unwrap();
    langfuse.answer(Fault::Hang);
    let sdk = Sdk::new(langfuse.config().timeout(Duration::from_secs(600)));
    sdk.span("one").end();
    drop(sdk);
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
