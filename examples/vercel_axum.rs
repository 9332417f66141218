//! An axum application on Vercel, traced.
//!
//! `cargo run --example vercel_axum --features vercel` runs it on this machine, and
//! `curl http://127.0.0.1:3000/chat -d 'a question'` asks it.

use axum::{Router, routing::post};
use tower::Layer as _;
use vercel_runtime::{Error, axum::VercelLayer};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let app = Router::new().route("/chat", post(chat));
    // Outside of the runtime's own layer, which keeps what holds the platform back to itself.
    warmspan::vercel::run(VercelLayer::new().layer(app)).await
}

async fn chat(question: String) -> String {
    // What is observed here is a child of the request's root.
    let lookup = warmspan::sdk().tool("lookup");
    lookup.input(&question);
    lookup.end();
    format!("You asked: {question}")
}
