//! Streamed responses on Vercel.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Method;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::mpsc;
use vercel_runtime::{Error, Request, Response, ResponseBody, service_fn};
use warmspan::{Observation, sdk as global, vercel::Traced};

use crate::{
    lambda_stage::{LONG, Stage},
    vercel_stage::{Connection, get, sdk},
};

#[tokio::test]
async fn pieces_pass_as_they_come_and_the_end_waits_for_the_flush() {
    let stage = Stage::set().await;
    let (pieces, inbox) = channel();
    let service = Traced::new(streams(inbox), sdk(&stage, &[]));
    let mut body = Connection::to(service)
        .await
        .open(get("/"))
        .await
        .into_body();
    for piece in ["a ", "streamed ", "answer"] {
        pieces.send(piece).unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
        assert!(stage.langfuse.requests().is_empty(), "flushed too early");
    }
    drop(pieces);

    assert!(body.frame().await.is_none());
    assert_eq!(stage.root().output.as_deref(), Some("a streamed answer"));
}

#[tokio::test]
async fn what_a_body_does_is_inside_of_the_root() {
    let service = service_fn(|_: Request| async {
        let pieces = stream::iter(["one ", "two "]).map(|piece| {
            let root = Observation::current().unwrap();
            root.observation(piece.trim()).start().end();
            Ok(Frame::data(Bytes::from(piece)))
        });
        Ok::<_, Error>(Response::new(StreamBody::new(pieces)))
    });
    let stage = Stage::set().await;
    let service = Traced::new(service, sdk(&stage, &[]));
    Connection::to(service).await.send(get("/")).await;

    assert_eq!(
        stage.outlines(&[]),
        ["vercel [span]\n├─ one [span]\n└─ two [span]\n"]
    );
    assert!(!global().is_enabled());
}

#[tokio::test]
async fn a_client_that_goes_away_is_a_warning() {
    let stage = Stage::set().await;
    let (pieces, inbox) = channel();
    let service = Traced::new(streams(inbox), sdk(&stage, &[]));
    let mut connection = Connection::to(service).await;
    let mut body = connection.open(get("/")).await.into_body();
    pieces.send("a piece").unwrap();
    body.frame().await.unwrap().unwrap();
    drop((body, connection));

    stage.langfuse.wait_for_spans(1, LONG).await.unwrap();
    assert_eq!(
        stage.outlines(&[]),
        ["vercel [span] WARNING \"the client went away after 7 bytes of the response\"\n"]
    );
}

#[tokio::test]
async fn the_head_of_a_head_request_waits() {
    let service = service_fn(|_: Request| async { Ok::<_, Error>("an answer") });
    let stage = Stage::set().await;
    let service = Traced::new(service, sdk(&stage, &[]));
    let mut request = get("/");
    *request.method_mut() = Method::HEAD;
    Connection::to(service).await.open(request).await;

    assert_eq!(stage.outlines(&[]), ["vercel [span]\n"]);
}

type Pieces = mpsc::UnboundedReceiver<&'static str>;

fn channel() -> (mpsc::UnboundedSender<&'static str>, Pieces) {
    mpsc::unbounded_channel()
}

/// A service that answers once, with what comes out of `inbox`.
fn streams(
    inbox: Pieces,
) -> impl tower::Service<
    (vercel_runtime::AppState, Request),
    Response = Response<ResponseBody>,
    Error = Error,
    Future: Send,
> + Clone
+ Send
+ 'static {
    let inbox = std::sync::Arc::new(std::sync::Mutex::new(Some(inbox)));
    service_fn(move |_: Request| {
        let inbox = inbox.lock().unwrap().take().unwrap();
        async {
            let pieces = stream::unfold(inbox, |mut inbox| async {
                let piece = inbox.recv().await?;
                Some((Ok(Frame::data(Bytes::from(piece))), inbox))
            });
            Ok::<_, Error>(Response::new(StreamBody::new(pieces)))
        }
    })
}
