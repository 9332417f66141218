//! A server on hyper and hyper-util: the same layer, the same shutdown.

use std::{convert::Infallible, net::SocketAddr, pin::pin};

use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown, service::TowerToHyperService};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tower::{ServiceBuilder, service_fn};
use warmspan::{
    http::{RequestBody, Shutdown, TraceLayer},
    testkit::langfuse::Langfuse,
};

use crate::{
    http_stage::{root, server},
    lambda_stage::LONG,
};

#[tokio::test]
async fn a_request_that_is_open_at_the_signal_is_answered_and_its_trace_arrives() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = server(&langfuse, &[]);
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = stopped.map(drop).shared();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();

    let until = stopped.clone();
    let handler = service_fn(move |request: Request<RequestBody<Incoming>>| {
        let until = until.clone();
        async move {
            let question = request.into_body().collect().await.unwrap().to_bytes();
            // Answered only after the server was told to stop.
            until.await;
            Ok::<_, Infallible>(Response::new(Full::new(question)))
        }
    });
    let service = ServiceBuilder::new()
        .layer(TraceLayer::with_sdk(sdk.clone()))
        .map_request(|request: Request<Incoming>| request.map(RequestBody::new))
        .service(handler);
    let service = TowerToHyperService::new(service);
    let accepting = stopped.clone();
    let server = async {
        let graceful = GracefulShutdown::new();
        let mut signal = pin!(accepting);
        loop {
            tokio::select! {
                Ok((stream, _)) = listener.accept() => {
                    let io = TokioIo::new(stream);
                    let connection = http1::Builder::new().serve_connection(io, service.clone());
                    tokio::spawn(graceful.watch(connection));
                }
                () = &mut signal => break graceful.shutdown().await,
            }
        }
    };
    let client = tokio::spawn(async move {
        let mut stream = ask(address).await;
        stop.send(()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    let shutdown = Shutdown::with_sdk(sdk).grace(LONG).flush(LONG);
    let ended = shutdown.run_until(stopped, server).await;

    assert_eq!(ended, Some(()));
    let answer = client.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("a question"), "{answer}");
    let root = root(&langfuse);
    assert_eq!(root.level, "DEFAULT");
    assert_eq!(root.input.as_deref(), Some("a question"));
    assert_eq!(root.output.as_deref(), Some("a question"));
}

/// A connection on which a question has been asked, in two pieces.
async fn ask(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for piece in [
        "POST / HTTP/1.1\r\nhost: chat\r\ncontent-length: 10\r\n\r\na ",
        "question",
    ] {
        stream.write_all(piece.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
    stream
}
