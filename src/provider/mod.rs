//! Extractors for the APIs of LLM providers, and the seams that feed them.
//!
//! The engine is sans-IO: [`Endpoint`](endpoint::Endpoint) recognises a model call,
//! [`Recorder`](recorder::Recorder) reads its request and the bytes of its response, and a plain
//! [`Call`](call::Call) comes out, which knows nothing of OpenTelemetry. An API is one file that
//! implements [`Extract`](extract::Extract).

mod call;
mod decode;
mod endpoint;
mod extract;
mod failure;
mod fields;
mod input;
pub mod openai;
mod output;
mod parameters;
mod recorder;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod properties;
