//! LLM tracing for Rust serverless functions.

pub mod observation;
pub mod provider;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use observation::{Content, Usage};
