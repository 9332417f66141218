//! LLM tracing for Rust serverless functions.

mod config;
mod diagnostics;
mod error;
mod invocation;
pub mod observation;
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
pub use observation::{
    Content, Level, Observation, ObservationBuilder, ObservationType, ObserveFuture, Usage,
};
#[cfg(feature = "openai")]
pub use provider::openai;
pub use queue::Losses;
pub use sdk::{Sdk, init, init_with_credentials, sdk};
pub use transport::FlushReport;
