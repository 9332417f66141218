//! Requests to the function on Vercel, one at a time, several at a time, and without Vercel.

use futures_util::future::join_all;

use crate::{
    surroundings::Surroundings,
    vercel_stage::{ask, ask_for_stream, assert_answered, assert_arrived_before_the_end},
};

#[tokio::test]
async fn the_first_is_cold_and_the_next_is_warm() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    for question in ["Why?", "And now?"] {
        let invocation = function.request(ask(question)).await.unwrap();
        assert_answered(&invocation, question);
    }

    let attributes = ["faas.coldstart", "http.request.method", "cloud.provider"];
    assert_eq!(
        surroundings.outlines(&attributes),
        [
            "vercel [span] faas.coldstart=true http.request.method=POST cloud.provider=vercel\n\
             └─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n",
            "vercel [span] faas.coldstart=false http.request.method=POST cloud.provider=vercel\n\
             └─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n",
        ]
    );
    assert!(!surroundings.langfuse.contains("hush-"));
}

#[tokio::test]
async fn concurrent_ones_have_traces_of_their_own() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    let questions: Vec<String> = (0..12).map(|number| format!("number {number}?")).collect();
    let asked = questions.iter().enumerate().map(|(number, question)| {
        let request = if number % 2 == 0 {
            ask(question)
        } else {
            ask_for_stream(question)
        };
        function.request(request)
    });
    let invocations = join_all(asked).await;

    assert_eq!(surroundings.langfuse.traces().len(), questions.len());
    for (invocation, question) in invocations.into_iter().zip(&questions) {
        let invocation = invocation.unwrap();
        assert_answered(&invocation, question);
        let trace = assert_arrived_before_the_end(&surroundings.langfuse, &invocation);
        for name in ["answer", "chat gpt-5-mini"] {
            let input = trace.find(name).unwrap().input.as_ref();
            assert!(input.unwrap().contains(question), "{trace}");
        }
    }
}

#[tokio::test]
async fn a_streamed_answer_comes_in_pieces() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    let mut answer = function.open(ask_for_stream("Why?")).await.unwrap();
    let mut pieces = 0;
    while answer.piece().await.unwrap().is_some() {
        pieces += 1;
    }
    let invocation = answer.finish().await.unwrap();

    assert!(pieces > 1, "{pieces}");
    assert_answered(&invocation, "Why?");
    let trace = assert_arrived_before_the_end(&surroundings.langfuse, &invocation);
    let body = String::from_utf8(invocation.body.to_vec()).unwrap();
    assert_eq!(trace.root().unwrap().output, Some(body.clone()));
    assert_eq!(trace.find("answer").unwrap().output, Some(body));
}

#[tokio::test]
async fn one_that_asks_nothing_is_told_so() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().start().await.unwrap();
    let request = http::Request::get("/").body("").unwrap();
    let invocation = function.request(request).await.unwrap();

    assert_eq!(invocation.status, 400);
    assert_eq!(
        surroundings.outlines(&["http.response.status_code"]),
        ["vercel [span] WARNING \"no question in the body\" http.response.status_code=400\n"]
    );
}

#[tokio::test]
async fn a_model_that_fails_is_an_error_of_the_request() {
    let surroundings = Surroundings::start().await;
    let fault = warmspan::testkit::openai::Fault::status(400);
    surroundings.openai.answer(fault);
    let function = surroundings.on_vercel().start().await.unwrap();
    for request in [ask("Why?"), ask_for_stream("Why?")] {
        let invocation = function.request(request).await.unwrap();
        assert_eq!(invocation.status, 500);
    }

    for trace in surroundings.langfuse.traces() {
        let root = trace.root().unwrap();
        assert_eq!(root.level, "ERROR");
        let message = root.status_message.as_deref().unwrap();
        assert_ne!(message, "HTTP 500", "{trace}");
    }
}

#[tokio::test]
async fn on_a_machine_of_ones_own_it_is_a_plain_server() {
    let surroundings = Surroundings::start().await;
    let function = surroundings.on_vercel().local().start().await.unwrap();
    let invocation = function.request(ask("Why?")).await.unwrap();

    assert_answered(&invocation, "Why?");
    assert_eq!(
        surroundings.outlines(&["cloud.provider", "faas.invocation_id"]),
        ["vercel [span]\n└─ answer [chain]\n   └─ chat gpt-5-mini [generation]\n"]
    );
}
