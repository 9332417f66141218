//! Extractors for the APIs of LLM providers, and the seams that feed them.
//!
//! The engine is sans-IO: [`Endpoint`](endpoint::Endpoint) recognises a model call,
//! [`Recorder`](recorder::Recorder) reads its request and the bytes of its response, and a plain
//! [`Call`](call::Call) comes out, which knows nothing of OpenTelemetry. An API is one file that
//! implements [`Extract`](extract::Extract). An [`ObservedCall`](observed_call::ObservedCall)
//! joins a recorder to its observation; a seam hands it what a client sends and receives.

// The seams are features, the engine is not.
#![cfg_attr(
    not(all(
        feature = "openai",
        feature = "reqwest-middleware",
        feature = "bedrock"
    )),
    allow(dead_code)
)]

mod anthropic;
#[cfg_attr(not(feature = "bedrock"), allow(unreachable_pub))]
pub mod bedrock;
mod call;
mod call_attributes;
mod decode;
mod delta;
mod endpoint;
mod extract;
mod failure;
mod fields;
mod gemini;
mod input;
mod model_call;
mod observed_body;
mod observed_call;
mod ollama;
mod open_calls;
#[cfg_attr(not(feature = "openai"), allow(unreachable_pub))]
pub mod openai;
mod origin;
mod output;
#[cfg(any(feature = "openai", feature = "reqwest-middleware"))]
mod over_reqwest;
mod parameters;
mod recorder;
#[cfg(feature = "testkit")]
mod replay;
mod report;
#[cfg(feature = "reqwest-middleware")]
pub mod reqwest_middleware;
mod scoped;
mod vectors;

#[cfg(feature = "reqwest-middleware")]
pub use self::reqwest_middleware::reqwest_middleware;
pub use call_attributes::CallAttributes;
pub use model_call::{ModelCall, ObservedItems};
pub(crate) use open_calls::OpenCalls;
#[cfg(feature = "testkit")]
pub use replay::replay;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod properties;
