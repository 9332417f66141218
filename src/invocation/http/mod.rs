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
//! Each request becomes a trace: a root observation with method, status and what the platform says
//! of itself; previews of the request's and the response's bodies as they flow by. Headers, cookies,
//! query strings and paths are never recorded; route templates are, by [`TraceLayer::route`].
//!
//! The root stays open until the response's body has ended, and the last frame waits for the flush.
//!
//! # Request bodies
//!
//! The type of a request's body stays what it is, so the layer can see those that are there already
//! (`lambda_http`, `Full<Bytes>`, `Bytes`, `String`), and those that can hold any other: axum's (feature
//! `axum`) and the boxes of `http-body-util`. Of any other, hyper's `Incoming` for instance,
//! [`RequestBody`] makes one that is seen. What nobody reads is not recorded. A binary body is recorded
//! by its size, and an input or output that the handler gives the root itself counts more.
//!
//! # Platforms
//!
//! | attribute | Cloud Run | Azure |
//! |---|---|---|
//! | `cloud.provider` | `gcp` | `azure` |
//! | `cloud.platform` | `gcp_cloud_run`; with `FUNCTION_TARGET` `gcp_cloud_functions` | `azure.functions`, `azure.app_service` |
//! | `faas.name` | `K_SERVICE` | `WEBSITE_SITE_NAME` |
//! | `faas.version`, `faas.instance` | `K_REVISION`, none | none, `WEBSITE_INSTANCE_ID` |
//! | `cloud.account.id` | `GOOGLE_CLOUD_PROJECT` (`GCP_PROJECT`, `GCLOUD_PROJECT`) | the subscription in `WEBSITE_OWNER_NAME` |
//! | `cloud.region` | `GOOGLE_CLOUD_REGION` (`CLOUD_RUN_REGION`, `FUNCTION_REGION`) | `REGION_NAME` |
//! | others | `gcp.cloud_run.configuration`, `gcp.cloud_functions.target` | `faas.invocation_id` |
//!
//! Cloud Run sets neither project nor region by itself; give them to the service if you want them. A
//! trace that came in `X-Cloud-Trace-Context` is treated like one in `traceparent`, which comes first.
//! On Vercel (a server of its own, without `vercel_runtime`) roots say what those of [`crate::vercel`] say.
//!
//! # Servers
//!
//! `drain` (feature `shutdown`) ends a server without losing a trace. On a server that keeps running
//! between requests, with CPU that is always allocated, responses need not wait: set
//! [`Config::flush_interval`](crate::Config::flush_interval) together with
//! [`FlushPoint::AfterResponse`](crate::FlushPoint::AfterResponse).

mod body;
mod future;
mod layer;
mod place;
mod request_body;
mod route;
mod service;
#[cfg(feature = "shutdown")]
mod shutdown;

pub use body::TracedBody;
#[cfg(feature = "vercel")]
pub(crate) use future::Handling;
pub use future::TraceFuture;
pub use layer::TraceLayer;
#[cfg(feature = "vercel")]
pub(crate) use place::describe;
pub use request_body::RequestBody;
#[cfg(feature = "axum")]
pub use route::matched_path;
#[cfg(feature = "vercel")]
pub(crate) use route::{Route, template};
pub use service::TraceService;
#[cfg(feature = "vercel")]
pub(crate) use service::incoming;
#[cfg(feature = "shutdown")]
pub use shutdown::{FLUSH, GRACE, Shutdown, drain, shutdown_signal};
