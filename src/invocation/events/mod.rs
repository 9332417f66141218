//! What may be told of the events that trigger a function, and of its responses, without headers,
//! cookies, query strings or the platform's request context.

#[cfg(feature = "lambda")]
mod gateway;
#[cfg(feature = "lambda")]
mod gateway_response;

#[cfg(feature = "lambda")]
pub(crate) use gateway::Event;
#[cfg(feature = "lambda")]
pub(crate) use gateway_response::{Described, describe_response};
