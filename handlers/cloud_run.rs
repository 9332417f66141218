//! The function on Cloud Run, as a custom handler of Azure Functions, or as any server.

use axum::{Json, Router, body::Body, http::StatusCode, response::Response, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use warmspan::http::{self, TraceLayer};
use warmspan_handlers::{Question, answer, answer_in_pieces, model};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new()
        .route("/chat", post(chat))
        .route("/chat/stream", post(stream))
        .layer(TraceLayer::new());
    let listener = TcpListener::bind(("0.0.0.0", port())).await?;
    let server = axum::serve(listener, app).with_graceful_shutdown(http::shutdown_signal());
    // After SIGTERM: eight seconds for what is open, then whatever is left is flushed.
    http::drain(server).await.unwrap_or(Ok(()))
}

async fn chat(Json(question): Json<Question>) -> Result<Json<Value>, StatusCode> {
    let answer = answer(question, &model()).await;
    let answer = answer.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Json(json!({ "answer": answer })))
}

async fn stream(Json(question): Json<Question>) -> Result<Response, StatusCode> {
    let pieces = answer_in_pieces(question, model()).await;
    let pieces = pieces.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Response::new(Body::from_stream(pieces)))
}

/// `FUNCTIONS_CUSTOMHANDLER_PORT` on Azure, whose host listens on `PORT` itself; `PORT` on Cloud Run.
fn port() -> u16 {
    ["FUNCTIONS_CUSTOMHANDLER_PORT", "PORT"]
        .iter()
        .find_map(|variable| std::env::var(variable).ok()?.parse().ok())
        .unwrap_or(8080)
}
