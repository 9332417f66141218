//! Every integration test, in one binary: a file per behaviour.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod provider_openai;
mod provider_replay;
