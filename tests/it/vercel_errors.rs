//! What goes wrong in a function on Vercel.

use std::io;

use tower::service_fn as tower_service_fn;
use vercel_runtime::{AppState, Error, Request, Response, ResponseBody, service_fn};
use warmspan::{
    Observation,
    vercel::{Traced, observed},
};

use crate::{
    lambda_stage::{LONG, Stage},
    vercel_stage::{Connection, get, sdk},
};

#[tokio::test]
async fn an_err_is_an_error_of_the_root_with_its_message() {
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(fails), sdk(&stage, &[]));
    let answer = Connection::to(service).await.send(get("/")).await;

    assert_eq!(answer, (500, r#"{"error": "no "kettle" here"}"#.to_owned()));
    assert_eq!(
        stage.outlines(&["http.response.status_code"]),
        ["vercel [span] ERROR \"no \\\"kettle\\\" here\" http.response.status_code=500\n"]
    );
}

#[tokio::test]
async fn observed_it_says_what_it_was_caused_by() {
    async fn handler(_: Request, _: AppState) -> Result<String, Error> {
        #[derive(Debug, thiserror::Error)]
        #[error("no answer")]
        struct NoAnswer(#[source] io::Error);
        Err(NoAnswer(io::Error::other("no kettle")).into())
    }
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(observed(handler)), sdk(&stage, &[]));
    let answer = Connection::to(service).await.send(get("/")).await;

    assert_eq!(answer, (500, r#"{"error": "no answer"}"#.to_owned()));
    assert_eq!(
        stage.outlines(&[]),
        ["vercel [span] ERROR \"no answer: no kettle\"\n"]
    );
}

#[tokio::test]
async fn observed_an_ok_is_returned_as_it_is() {
    async fn handler(_: Request, _: AppState) -> Result<&'static str, Error> {
        Ok("an answer")
    }
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(observed(handler)), sdk(&stage, &[]));
    let answer = Connection::to(service).await.send(get("/")).await;

    assert_eq!(answer, (200, "an answer".to_owned()));
    assert_eq!(stage.outlines(&[]), ["vercel [span]\n"]);
}

#[tokio::test]
async fn a_status_of_the_servers_is_an_error_and_its_body_is_the_handlers_own() {
    async fn handler(_: Request) -> Result<Response<String>, Error> {
        let response = Response::builder().status(503);
        Ok(response.body(r#"{"error": "for the client"}"#.to_owned())?)
    }
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(handler), sdk(&stage, &[]));
    Connection::to(service).await.send(get("/")).await;

    assert_eq!(stage.outlines(&[]), ["vercel [span] ERROR \"HTTP 503\"\n"]);
}

#[tokio::test]
async fn what_the_handler_says_of_its_failure_says_more_than_a_status() {
    async fn handler(_: Request) -> Result<Response<String>, Error> {
        let root = Observation::current().unwrap();
        root.error("the model is away");
        Ok(Response::builder().status(502).body("sorry".to_owned())?)
    }
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(handler), sdk(&stage, &[]));
    Connection::to(service).await.send(get("/")).await;

    assert_eq!(
        stage.outlines(&[]),
        ["vercel [span] ERROR \"the model is away\"\n"]
    );
}

#[tokio::test]
async fn an_error_of_the_service_itself_goes_on() {
    let service = tower_service_fn(|_: (AppState, Request)| async {
        Err::<Response<ResponseBody>, Error>("no service".into())
    });
    let stage = Stage::set().await;
    let service = Traced::new(service, sdk(&stage, &[]));
    let answer = Connection::to(service).await.send(get("/")).await;

    assert_eq!(answer, (500, "Internal Server Error".to_owned()));
    assert_eq!(
        stage.outlines(&[]),
        ["vercel [span] ERROR \"no service\"\n"]
    );
}

#[tokio::test]
async fn a_panic_is_an_error_that_arrives() {
    async fn handler(request: Request) -> Result<&'static str, Error> {
        assert_ne!(request.uri().path(), "/", "out of hand");
        Ok("")
    }
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(handler), sdk(&stage, &[]));
    let mut connection = Connection::to(service).await;
    let request = async { connection.open(get("/")).await };
    // The task of the connection is gone, and so is its response.
    let client = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(request));
    client.await.unwrap_err();

    stage.langfuse.wait_for_spans(1, LONG).await.unwrap();
    let outline = stage.outlines(&[]).remove(0);
    assert!(
        outline.starts_with("vercel [span] ERROR \"panicked: "),
        "{outline}"
    );
}

async fn fails(_: Request) -> Result<String, Error> {
    Err("no \"kettle\" here".into())
}
