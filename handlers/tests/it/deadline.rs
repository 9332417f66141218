//! Deadlines as Lambda and `cargo lambda watch` tell them.

use std::time::Duration;

use warmspan::testkit::{lambda::Deadline, langfuse::Fault};

use crate::surroundings::{Surroundings, assert_answered, event};

#[tokio::test]
async fn a_deadline_in_1970_stops_no_flush() {
    for deadline in [600_000, 0] {
        let surroundings = Surroundings::start().await;
        let function = surroundings
            .function()
            .deadline(Deadline::Raw(deadline))
            .start()
            .await
            .unwrap();
        let invocation = function.invoke(event("Why?")).await.unwrap();

        assert_answered(&invocation);
        surroundings.assert_arrived_before_the_freeze(&[&invocation]);
    }
}

#[tokio::test]
async fn a_flush_leaves_the_response_its_time_before_the_deadline() {
    let surroundings = Surroundings::start().await;
    let function = surroundings
        .function()
        .env("LANGFUSE_TIMEOUT", "30")
        .timeout(Duration::from_secs(2))
        .start()
        .await
        .unwrap();
    surroundings.langfuse.answer(Fault::Hang);

    assert_answered(&function.invoke(event("Why?")).await.unwrap());
}
