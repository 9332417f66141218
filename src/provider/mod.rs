//! Extractors for the APIs of LLM providers, and the seams that feed them.
//!
//! The engine is sans-IO: [`Endpoint`](endpoint::Endpoint) recognises a model call,
//! [`Recorder`](recorder::Recorder) reads its request and the bytes of its response, and a plain
//! [`Call`](call::Call) comes out, which knows nothing of OpenTelemetry. An API is one file that
//! implements [`Extract`](extract::Extract). An [`ObservedCall`](observed_call::ObservedCall)
//! joins a recorder to its observation; a seam hands it what a client sends and receives.
//!
//! What a stream costs: once the preview is full, a delta is scanned for what would matter and its
//! characters are counted, but it is not parsed. An open stream of one choice then holds about 2 KiB
//! beside its observation, however long it becomes (`cheap_deltas.rs` measures both for each API).
//! Many choices and tool calls hold up to 64 KiB in a preview, a framer's buffers keep at most 8 KiB
//! each between events, and 16 KiB are for an event with counts that was put off. The other bounds
//! are 4 MiB for an event that is not complete (a streamed picture is one), 4 MiB for a response
//! that is one document, and what the content policy keeps.

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
mod normalize;
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
mod structure;
mod vectors;

#[cfg(feature = "reqwest-middleware")]
pub use self::reqwest_middleware::reqwest_middleware;
pub use call_attributes::CallAttributes;
pub use model_call::{ModelCall, ObservedItems};
pub(crate) use normalize::normalize;
pub(crate) use open_calls::OpenCalls;
pub(crate) use origin::is_observed;
#[cfg(feature = "testkit")]
pub use replay::{replay, replay_as};

#[cfg(test)]
mod cheap_deltas;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod properties;
