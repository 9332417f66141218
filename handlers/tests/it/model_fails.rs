//! A model that fails: the trace says so, and the caller gets what it would get without tracing.

use warmspan::testkit::{
    lambda::{FunctionError, Invocation},
    openai::Fault,
};

use crate::surroundings::{Surroundings, assert_answered, event, streamed_event, told};

#[tokio::test]
async fn a_refused_call_is_an_error_from_the_generation_up() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    surroundings.openai.answer(Fault::status(400));
    let invocation = function.invoke(event("Why?")).await.unwrap();

    assert_failed_everywhere(&surroundings, &invocation, "testkit fault 400");
}

#[tokio::test]
async fn a_server_error_is_an_error_from_the_generation_up() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    surroundings.openai.answer(Fault::status(500));
    let invocation = function.invoke(event("Why?")).await.unwrap();

    assert_failed_everywhere(&surroundings, &invocation, "testkit fault 500");
}

#[tokio::test]
async fn a_stream_that_breaks_is_an_error_and_what_had_come_is_kept() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    surroundings.openai.answer(Fault::CutStream { after: 3 });
    let invocation = function.invoke(streamed_event("Why?")).await.unwrap();

    assert_failed_everywhere(&surroundings, &invocation, "connection");
    let traces = surroundings.langfuse.traces();
    let generation = traces[0].find(GENERATION).unwrap();
    assert!(
        generation
            .output
            .as_ref()
            .is_some_and(|output| !output.is_empty())
    );
    assert!(generation.time_to_first_token().is_some());
}

#[tokio::test]
async fn the_next_invocation_is_not_harmed() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.function().start().await.unwrap();
    surroundings.openai.answer_next(1, &Fault::status(400));
    function.invoke(event("Why?")).await.unwrap();
    let after = function.invoke(event("And now?")).await.unwrap();

    assert_answered(&after);
    assert_eq!(
        surroundings.outlines(&[])[1],
        "chat [span]\n└─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n"
    );
    assert_eq!(told(&function), Vec::<String>::new());
}

#[tokio::test]
async fn the_caller_gets_the_error_that_it_would_get_without_tracing() {
    for (fault, event) in [
        (Fault::status(400), event("Why?")),
        (Fault::status(500), event("Why?")),
        (Fault::CutStream { after: 3 }, streamed_event("Why?")),
    ] {
        let traced = failure(&fault, &event, "true").await;
        let untraced = failure(&fault, &event, "false").await;
        assert_eq!(traced, untraced, "{fault:?}");
    }
}

const GENERATION: &str = "chat gpt-5-mini";

/// Asserts that the invocation, and each observation of its trace, is an error; that the
/// generation's says `cause`; and that all of it arrived in time.
fn assert_failed_everywhere(surroundings: &Surroundings, invocation: &Invocation, cause: &str) {
    let error = invocation.result.as_ref().unwrap_err();
    surroundings.assert_arrived_before_the_freeze(&[invocation]);
    let trace = surroundings.langfuse.traces().remove(0);
    let levels = trace.observations().iter().map(|o| o.level.as_str());
    assert_eq!(
        levels.collect::<Vec<_>>(),
        ["ERROR"; 3],
        "{}",
        trace.outline()
    );
    assert_eq!(
        trace.root().unwrap().status_message.as_ref(),
        Some(&error.message)
    );
    let generation = trace.find(GENERATION).unwrap();
    assert!(
        generation.status_message.as_ref().unwrap().contains(cause),
        "{}",
        trace.outline()
    );
}

async fn failure(fault: &Fault, event: &str, tracing: &str) -> FunctionError {
    let surroundings = Surroundings::start().await;
    surroundings.openai.answer(fault.clone());
    let function = surroundings
        .function()
        .env("LANGFUSE_TRACING_ENABLED", tracing)
        .start()
        .await
        .unwrap();
    function
        .invoke(event.to_owned())
        .await
        .unwrap()
        .result
        .unwrap_err()
}
