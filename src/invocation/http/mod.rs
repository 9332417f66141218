//! Everything that speaks `tower` and `http`: `lambda_http`, axum, hyper, Cloud Run, Azure custom
//! handlers.
//!
//! A handler function on `lambda_http`:
//!
//! ```no_run
//! # #[cfg(feature = "lambda-http")]
//! # mod example {
//! use lambda_http::{Body, Error, Request, Response, service_fn, tower::ServiceBuilder};
//! use warmspan::http::TraceLayer;
//!
//! async fn handler(request: Request) -> Result<Response<Body>, Error> {
//!     Ok(Response::new(request.into_body()))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     let service = ServiceBuilder::new().layer(TraceLayer::new()).service(service_fn(handler));
//!     lambda_http::run(service).await
//! }
//! # }
//! ```
//!
//! Each request becomes a trace: a root observation with method, status and, on Lambda, what
//! [`lambda`](crate::lambda) records; a preview of the response's body as it flows by, and of the
//! request's on `lambda_http`. Headers, cookies, query strings and paths are never recorded.
//!
//! The root stays open until the response's body has ended, and the last frame waits for the flush.

mod body;
mod future;
mod layer;
mod service;

pub use body::TracedBody;
#[cfg(feature = "vercel")]
pub(crate) use future::Handling;
pub use future::TraceFuture;
pub use layer::TraceLayer;
pub use service::TraceService;
#[cfg(feature = "vercel")]
pub(crate) use service::incoming;
