//! A payload that is recorded before it is parsed.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::value::RawValue;

use crate::{invocation::events::Event, sdk};

/// A payload of type `A`, and what may be told of it. A payload that is not an `A` is a trace too.
#[derive(Debug)]
pub struct Payload<A> {
    pub(super) event: Event,
    pub(super) parsed: Result<A, String>,
}

impl<'de, A: DeserializeOwned> Deserialize<'de> for Payload<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer).map_err(D::Error::custom)?;
        let event = match sdk::capture_limit() {
            None => Event::default(),
            Some(limit) => Event::read(raw, limit),
        };
        Ok(Self {
            event,
            parsed: parse(raw.get()),
        })
    }
}

/// The message is that of `lambda_runtime` 1.5, so that a caller sees no difference.
fn parse<A: DeserializeOwned>(json: &str) -> Result<A, String> {
    const CONTEXT: &str =
        "failed to deserialize the incoming data into the function's payload type";
    let deserializer = &mut serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        match error.path().to_string().as_str() {
            "." => format!("{CONTEXT}: {error}\n"),
            path => format!("{CONTEXT}: [{path}] {error}\n"),
        }
    })
}
