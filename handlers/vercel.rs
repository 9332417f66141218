//! The function on Vercel.

use futures_util::StreamExt as _;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::{Value, json};
use sync_wrapper::SyncStream;
use vercel_runtime::{Error, Request, Response, ResponseBody, service_fn};
use warmspan_handlers::{Question, answer, answer_in_pieces, model, nothing_asked};

#[tokio::main]
async fn main() -> Result<(), Error> {
    warmspan::vercel::run(service_fn(handler)).await
}

async fn handler(request: Request) -> Result<Response<ResponseBody>, Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let Ok(question) = serde_json::from_slice::<Question>(&body) else {
        nothing_asked();
        return response(400, json!({ "error": "send {\"question\": \"...\"}" }));
    };
    if question.stream {
        let pieces = answer_in_pieces(question, model()).await?;
        // The runtime asks for bodies that are `Sync`.
        let frames = SyncStream::new(pieces.map(|piece| Ok(Frame::data(piece?.into()))));
        return Ok(Response::new(StreamBody::new(frames).into()));
    }
    response(200, json!({ "answer": answer(question, &model()).await? }))
}

fn response(status: u16, body: Value) -> Result<Response<ResponseBody>, Error> {
    let response = Response::builder().status(status);
    let response = response.header("content-type", "application/json");
    Ok(response.body(body.into())?)
}
