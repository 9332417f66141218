//! LLM tracing for Rust serverless functions.

pub mod provider;
#[cfg(feature = "testkit")]
pub mod testkit;
