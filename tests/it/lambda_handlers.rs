//! Handlers of every shape that `lambda_runtime` takes.

use std::{cell::Cell, collections::HashMap, future::Future, rc::Rc};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use warmspan::lambda::{Traced, traced};

use crate::lambda_stage::{Stage, buffered, invoke};

#[tokio::test]
async fn one_that_borrows_what_main_owns() {
    let stage = Stage::set().await;
    let prices = HashMap::from([("tea".to_owned(), 3), ("coffee".to_owned(), 4)]);
    let prices = &prices;
    let handler = service_fn(move |event: LambdaEvent<String>| async move {
        prices.get(&event.payload).copied().ok_or("not on the menu")
    });
    let mut service = Traced::new(handler, stage.sdk());

    assert_eq!(buffered(invoke(&mut service, r#""tea""#).await), 3);
    assert_eq!(stage.root().output.as_deref(), Some("3"));
}

#[tokio::test]
async fn one_that_stays_on_its_thread() {
    let stage = Stage::set().await;
    let count = Rc::new(Cell::new(0));
    let handler = service_fn(|_: LambdaEvent<Value>| {
        let count = Rc::clone(&count);
        async move {
            tokio::task::yield_now().await;
            count.set(count.get() + 1);
            Ok::<_, Error>(count.get())
        }
    });
    let mut service = Traced::new(handler, stage.sdk());
    invoke(&mut service, "{}").await.unwrap();

    assert_eq!(buffered(invoke(&mut service, "{}").await), 2);
}

#[tokio::test]
async fn one_with_types_of_its_own() {
    #[derive(Deserialize)]
    struct Question {
        question: String,
    }
    #[derive(Debug, PartialEq, Serialize)]
    struct Answer {
        answer: String,
    }
    async fn answer(event: LambdaEvent<Question>) -> Result<Answer, Error> {
        let answer = event.payload.question.to_uppercase();
        Ok(Answer { answer })
    }
    let stage = Stage::set().await;
    let mut service = Traced::new(service_fn(answer), stage.sdk());
    let response = buffered(invoke(&mut service, r#"{"question":"why?"}"#).await);

    assert_eq!(response.answer, "WHY?");
    let root = stage.root();
    assert_eq!(root.input.as_deref(), Some(r#"{"question":"why?"}"#));
    assert_eq!(root.output.as_deref(), Some(r#"{"answer":"WHY?"}"#));
}

#[tokio::test]
async fn one_that_takes_and_returns_nothing() {
    async fn tick(_: LambdaEvent<()>) -> Result<(), Error> {
        Ok(())
    }
    let stage = Stage::set().await;
    let mut service = Traced::new(service_fn(tick), stage.sdk());
    invoke(&mut service, "null").await.unwrap();

    let root = stage.root();
    assert_eq!((root.input, root.output), (None, None));
}

#[tokio::test]
async fn one_that_takes_any_json() {
    let stage = Stage::set().await;
    let echo = service_fn(|event: LambdaEvent<Value>| async { Ok::<_, Error>(event.payload) });
    let mut service = Traced::new(echo, stage.sdk());
    for payload in [
        json!(null),
        json!(true),
        json!(7),
        json!("text"),
        json!([1]),
        json!({ "a": 1 }),
    ] {
        assert_eq!(
            buffered(invoke(&mut service, &payload.to_string()).await),
            payload
        );
    }

    assert_eq!(stage.langfuse.traces().len(), 6);
}

/// `lambda_runtime` has two ways to run a handler, and each asks other things of it.
#[test]
fn each_way_to_run_takes_a_traced_one() {
    async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
        Ok(event.payload)
    }
    // Not run: only their types are asked for.
    fn runs<F: Future<Output = Result<(), Error>>>(_: impl FnOnce() -> F) {}
    runs(|| lambda_runtime::run(traced(service_fn(echo))));
    runs(|| lambda_runtime::run_concurrent(traced(service_fn(echo))));
    runs(|| warmspan::lambda::run(service_fn(echo)));
}
