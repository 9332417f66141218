//! An axum `Router` on `lambda_http`, traced.
//!
//! `cargo lambda watch --example lambda_http_axum --features lambda-http` runs it, and
//! `curl http://localhost:9000/lambda-url/lambda_http_axum/chat -d 'a question'` asks it.

use axum::{Router, routing::post};
use lambda_http::{Error, tower::ServiceBuilder};
use warmspan::http::TraceLayer;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let router = Router::new().route("/chat", post(chat));
    // Around the router and not inside of it: there it also sees the request's body.
    let service = ServiceBuilder::new()
        .layer(TraceLayer::new())
        .service(router);
    lambda_http::run(service).await
}

async fn chat(question: String) -> String {
    // What is observed here is a child of the request's root.
    let lookup = warmspan::sdk().tool("lookup");
    lookup.input(&question);
    lookup.end();
    format!("You asked: {question}")
}
