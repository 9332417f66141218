//! From the bytes of a response body to documents and events.
//!
//! [`Decoder`] is chosen by the response's head. A unary body becomes one document, a stream
//! becomes events, and both keep a bounded number of bytes whatever the body is.

mod body;
mod decoder;
mod sse;

pub(crate) use body::BodyBuffer;
pub(crate) use decoder::Decoder;
pub(crate) use sse::{Event, SseFramer};
