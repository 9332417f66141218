//! The names that users of the Python and TypeScript SDKs know.

use std::{borrow::Cow, future::Future};

use opentelemetry::trace::{SpanId, TraceId};

use super::{InObservation, Observation, ObservationType, ObserveFuture as _, TraceAttributes};
use crate::Sdk;

/// The SDK of this process, as [`sdk()`](crate::sdk).
pub fn get_client() -> &'static Sdk {
    crate::sdk()
}

/// Starts an observation inside of the current one. It does not become the current one.
///
/// ```
/// use warmspan::{ObservationType, start_observation};
///
/// let search = start_observation("search", ObservationType::Tool);
/// search.input("query").output(&["result"]).end();
/// ```
pub fn start_observation(name: impl Into<Cow<'static, str>>, kind: ObservationType) -> Observation {
    with_current_sdk(|sdk| sdk.observation(name).as_type(kind).start())
}

/// Runs a future inside of a new observation, which ends with it. The closure gets the handle.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use warmspan::{ObservationType, start_active_observation};
///
/// let answer = start_active_observation("process-request", ObservationType::Span, async |span| {
///     span.input("why?").metadata("source", "api");
///     "because"
/// })
/// .await;
/// # assert_eq!(answer, "because");
/// # }
/// ```
pub async fn start_active_observation<T>(
    name: impl Into<Cow<'static, str>>,
    kind: ObservationType,
    body: impl AsyncFnOnce(&Observation) -> T,
) -> T {
    let observation = start_observation(name, kind);
    body(&observation).observed(observation.clone()).await
}

/// Says something of the current observation; nothing happens if there is none.
///
/// ```
/// use warmspan::{Level, update_current_observation};
///
/// update_current_observation(|observation| {
///     observation.level(Level::Error).status_message("no answer");
/// });
/// ```
pub fn update_current_observation(update: impl FnOnce(&Observation)) {
    if let Some(current) = Observation::current() {
        update(&current);
    }
}

/// Says something of the current observation if it is a generation or an embedding, the innermost
/// such one around it otherwise.
///
/// ```
/// use warmspan::{Usage, update_current_generation};
///
/// update_current_generation(|generation| {
///     generation.output("an answer").usage(Usage::new().input(12).output(3));
/// });
/// ```
pub fn update_current_generation(update: impl FnOnce(&Observation)) {
    let generation = Observation::current().and_then(|current| current.nearest_model_call());
    if let Some(generation) = generation {
        update(&generation);
    }
}

/// The id of the trace that this code runs in.
pub fn current_trace_id() -> Option<TraceId> {
    Observation::current()
        .map(|current| current.trace_id())
        .filter(|id| *id != TraceId::INVALID)
}

/// The id of the observation that this code runs in.
pub fn current_observation_id() -> Option<SpanId> {
    Observation::current()
        .map(|current| current.id())
        .filter(|id| *id != SpanId::INVALID)
}

/// A trace id that is always the same for `seed`, an id of your own for instance: the first half
/// of its SHA-256, as in the official SDKs.
///
/// ```
/// let id = warmspan::create_trace_id("abc");
/// assert_eq!(id.to_string(), "ba7816bf8f01cfea414140de5dae2223");
/// ```
pub fn create_trace_id(seed: &str) -> TraceId {
    TraceId::from_bytes(leading(&sha256(seed)))
}

/// An observation id that is always the same for `seed`: the first 8 bytes of its SHA-256.
///
/// ```
/// let id = warmspan::create_observation_id("abc");
/// assert_eq!(id.to_string(), "ba7816bf8f01cfea");
/// ```
pub fn create_observation_id(seed: &str) -> SpanId {
    SpanId::from_bytes(leading(&sha256(seed)))
}

/// Runs a future whose observations all carry `attributes`; the same as
/// [`ObserveFuture::with_trace_attributes`](super::ObserveFuture::with_trace_attributes).
pub fn propagate_attributes<F: Future>(attributes: TraceAttributes, future: F) -> InObservation<F> {
    future.with_trace_attributes(attributes)
}

fn with_current_sdk<R>(body: impl FnOnce(&Sdk) -> R) -> R {
    match Observation::current() {
        Some(current) => body(current.sdk()),
        None => body(crate::sdk()),
    }
}

fn sha256(seed: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, seed.as_bytes()).as_ref());
    hash
}

fn leading<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, hashed) in bytes.iter_mut().zip(hash) {
        *byte = *hashed;
    }
    bytes
}
