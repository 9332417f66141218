//! LLM tracing for Rust serverless functions: every trace reaches Langfuse before the platform
//! freezes the process, and no response waits longer than a budget for it.
//!
//! ```no_run
//! # #[cfg(feature = "lambda")]
//! # mod example {
//! use lambda_runtime::{Error, LambdaEvent, service_fn};
//! use serde_json::{Value, json};
//!
//! async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     Ok(json!({ "you asked": event.payload["question"] }))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     warmspan::lambda::run(service_fn(handler)).await // instead of lambda_runtime::run
//! }
//! # }
//! ```
//!
//! # How a trace travels
//!
//! ```text
//! request in -> invocation -> observation -> provider -> queue -> transport -> response out
//!               root span     spans between   LLM calls   held     sent before the freeze
//! ```
//!
//! * The [`Sdk`] is made once, at the first call of [`sdk()`] or by [`init`], from [`Config`] and the
//!   environment. Every warm invocation reuses it.
//! * The adapters [`lambda`], [`vercel`] and [`http`] open the root observation of a request, run the handler
//!   inside of it, and await the flush before the response.
//! * [`observation`] has what happens in between: spans, generations, tools, events. [`observe`]
//!   makes one of a function.
//! * [`composition`] makes one tree with an application's own OpenTelemetry or `tracing` spans.
//! * [`openai`] is a client whose calls observe themselves.
//! * What has ended waits in a bounded queue until Langfuse has said that it has it. A
//!   [`FlushReport`] tells what a flush did, [`Losses`] what was lost and why.
//! * [`testkit`] shows all of it on one machine without an account.
//!
//! Coming from the Python or TypeScript SDK? [`guide::coming_from_langfuse`] says what you write here.
//! [`guide::azure`] brings a function to Azure.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `lambda` | [`lambda`]: functions on `lambda_runtime` |
//! | `http` | [`http`]: everything that speaks `tower` and `http` |
//! | `lambda-http` | [`http`] that knows `lambda_http` |
//! | `vercel` | [`vercel`]: functions on `vercel_runtime` |
//! | `axum` | [`http`] that previews the request bodies of axum 0.8 |
//! | `shutdown` | [`http::drain`]: a server's end that loses no trace |
//! | `openai` | [`openai`]: an instrumented async-openai 0.43 client |
//! | `reqwest-middleware` | [`reqwest_middleware`](mod@reqwest_middleware): a middleware for every provider |
//! | `bedrock` | [`bedrock`]: an interceptor for the AWS SDK |
//! | `tracing` | [`Sdk::tracing_layer`]: `tracing` spans in one tree with observations |
//! | `testkit` | [`testkit`]: emulators, in-process Langfuse, text trees |

#![cfg_attr(docsrs, feature(doc_cfg))]
// What the features need stands beside what everybody needs; with all of these nothing is unused.
#![cfg_attr(
    not(all(
        feature = "lambda",
        feature = "shutdown",
        feature = "tracing",
        feature = "vercel"
    )),
    allow(dead_code)
)]

pub mod composition;
mod config;
mod diagnostics;
mod error;
pub mod guide;
mod invocation;
pub mod observation;
mod observe;
mod provider;
mod queue;
mod sdk;
#[cfg(feature = "testkit")]
pub mod testkit;
mod timestamp;
mod transport;

pub use config::{Config, Credentials, FlushPoint, ParentPolicy};
pub use error::Error;
#[cfg(feature = "http")]
pub use invocation::http;
#[cfg(feature = "lambda")]
pub use invocation::lambda;
#[cfg(feature = "vercel")]
pub use invocation::vercel;
pub use observation::{
    Content, Level, Observation, ObservationBuilder, ObservationType, ObserveFuture, Score,
    TraceAttributes, Usage, create_observation_id, create_trace_id, current_observation_id,
    current_trace_id, get_client, propagate_attributes, score_current_observation,
    score_current_trace, start_active_observation, start_observation, update_current_generation,
    update_current_observation,
};
pub use observe::observe;
#[doc(hidden)]
pub use observe::runtime as __private;
pub use opentelemetry;
pub use opentelemetry_sdk;
#[cfg(feature = "bedrock")]
pub use provider::bedrock;
#[cfg(feature = "openai")]
pub use provider::openai;
#[cfg(feature = "reqwest-middleware")]
pub use provider::reqwest_middleware;
pub use provider::{CallAttributes, ModelCall, ObservedItems};
pub use queue::Losses;
pub use sdk::{Sdk, init, init_with_credentials, sdk};
pub use transport::FlushReport;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
