//! A handler function on `lambda_http`, traced.
//!
//! `cargo lambda watch --example lambda_http --features lambda-http` runs it, and
//! `curl http://localhost:9000/lambda-url/lambda_http -d 'a question'` asks it.

use lambda_http::{Body, Error, Request, Response, service_fn, tower::ServiceBuilder};
use warmspan::http::TraceLayer;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let service = ServiceBuilder::new()
        .layer(TraceLayer::new())
        .service(service_fn(handler));
    lambda_http::run(service).await
}

async fn handler(request: Request) -> Result<Response<Body>, Error> {
    // What is observed here is a child of the request's root.
    let lookup = warmspan::sdk().tool("lookup");
    lookup.input(&request.method().as_str());
    lookup.end();
    Ok(Response::new("an answer".into()))
}
