//! The stage of the Vercel tests: a service behind a connection of this process.
//!
//! `vercel_runtime` hands its services the bodies of real connections, which nobody else can make.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tower::{Service, ServiceExt as _};
use vercel_runtime::{AppState, Error, LogContext, ResponseBody};
use warmspan::Sdk;

use crate::lambda_stage::Stage;

/// What Vercel sets in a function's environment.
pub(crate) const DEPLOYMENT: [(&str, &str); 5] = [
    ("VERCEL", "1"),
    ("VERCEL_ENV", "preview"),
    ("VERCEL_REGION", "iad1"),
    ("VERCEL_DEPLOYMENT_ID", "dpl_7Gw5ZMBpQA8h9GF832KGp7nwbuh3"),
    (
        "VERCEL_GIT_COMMIT_SHA",
        "fa1eade47b73733d6312d5abfad33ce9e4068081",
    ),
];

/// An SDK as it is on a machine that is neither Lambda nor Vercel, plus these variables.
pub(crate) fn sdk(stage: &Stage, variables: &[(&str, &str)]) -> Sdk {
    let all = [&[("AWS_LAMBDA_FUNCTION_NAME", "")], variables].concat();
    stage.sdk_with(&all)
}

/// A connection to `service`.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn to<S>(service: S) -> Self
    where
        S: Service<
                (AppState, vercel_runtime::Request),
                Response = Response<ResponseBody>,
                Error = Error,
            > + Clone
            + Send
            + 'static,
        S::Future: Send,
    {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let serve = hyper::service::service_fn(move |request| {
            let service = service.clone();
            let state = AppState::new(LogContext::new(None, None, None));
            async move {
                let answered = service.oneshot((state, request)).await;
                // As the runtime does it.
                let answered = answered.unwrap_or_else(|_| {
                    let response = Response::builder().status(500);
                    response
                        .body(ResponseBody::from("Internal Server Error"))
                        .unwrap()
                });
                Ok::<_, Infallible>(answered)
            }
        });
        let server = hyper::server::conn::http1::Builder::new();
        tokio::spawn(server.serve_connection(TokioIo::new(theirs), serve));
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(ours));
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// The response's head is here.
    pub(crate) async fn open(&mut self, request: Request<&'static str>) -> Response<Incoming> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        self.0.send_request(request).await.unwrap()
    }

    /// The response's status and whole body.
    pub(crate) async fn send(&mut self, request: Request<&'static str>) -> (u16, String) {
        let response = self.open(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

/// A request without a body.
pub(crate) fn get(path: &str) -> Request<&'static str> {
    Request::get(path)
        .header("host", "localhost")
        .body("")
        .unwrap()
}
