//! From the bytes of a response body to documents and events.
//!
//! [`Decoder`] is chosen by the response's head. A unary body becomes one document, a stream
//! becomes events, and both keep a bounded number of bytes whatever the body is.

mod body;
mod decoder;
mod messages;
mod sse;
mod values;

pub(crate) use body::BodyBuffer;
pub(crate) use decoder::Decoder;
pub(crate) use messages::MessageFramer;
#[cfg(test)]
pub(crate) use messages::tests::message;
pub(crate) use sse::SseFramer;
pub(crate) use values::ValueFramer;

/// Bytes kept of one event that is not complete; a longer one is given up.
const MAX_EVENT: usize = 1024 * 1024;

/// One event of a stream, whatever its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Its type, where the form of the stream has one; else empty.
    pub(crate) name: &'a str,
    pub(crate) data: &'a str,
    /// The form of the stream says that it failed; the name is the type of the error.
    pub(crate) is_exception: bool,
}
