//! Extractors for the APIs of LLM providers, and the seams that feed them.
//!
//! The engine is sans-IO: [`Endpoint`](endpoint::Endpoint) recognises a model call,
//! [`Recorder`](recorder::Recorder) reads its request and the bytes of its response, and a plain
//! [`Call`](call::Call) comes out, which knows nothing of OpenTelemetry. An API is one file that
//! implements [`Extract`](extract::Extract). An [`ObservedCall`](observed_call::ObservedCall)
//! joins a recorder to its observation; a seam hands it what a client sends and receives.

// The seams are features, the engine is not.
#![cfg_attr(not(feature = "openai"), allow(dead_code))]

mod anthropic;
mod bedrock;
mod call;
mod decode;
mod delta;
mod endpoint;
mod extract;
mod failure;
mod fields;
mod gemini;
mod input;
mod observed_call;
mod ollama;
pub mod openai;
mod output;
mod parameters;
mod recorder;
mod report;
mod vectors;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod properties;
