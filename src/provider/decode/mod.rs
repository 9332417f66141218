//! From the bytes of a response body to documents and events.
//!
//! [`Decoder`] is chosen by the response's head. A unary body becomes one document, a stream
//! becomes events, and both keep a bounded number of bytes whatever the body is: 4 MiB of a document
//! and of an event alike, because a streamed picture comes in one event, with the counts behind it.

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

use self::body::MAX_BODY;
use serde_json::Value;

/// Bytes kept of one event that is not complete; a longer one is given up.
const MAX_EVENT: usize = MAX_BODY;

/// Bytes of room that a buffer keeps for the next event.
const MAX_ROOM: usize = 8 * 1024;

/// Empties a buffer for what comes next. After a huge event it gives its room back.
fn reuse(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > MAX_ROOM {
        *buffer = Vec::new();
    }
}

/// One event of a stream, whatever its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Its type, where the form of the stream has one; else empty.
    pub(crate) name: &'a str,
    pub(crate) data: &'a str,
    /// The form of the stream says that it failed; the name is the type of the error.
    pub(crate) is_exception: bool,
}

impl Event<'_> {
    /// What it says, parsed. None if it is no JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        #[cfg(test)]
        PARSED.with(|parsed| parsed.set(parsed.get() + 1));
        serde_json::from_str(self.data).ok()
    }
}

#[cfg(test)]
thread_local! {
    /// Events that were parsed on this thread.
    pub(crate) static PARSED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
