//! The form of a response body, and what is kept while it arrives.

use super::{
    BodyBuffer, Event, MessageFramer, SseFramer, ValueFramer,
    body::{MAX_BODY, MAX_ERROR_BODY},
};

/// The form of a response body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON document.
    Document,
    /// Server-sent events.
    Events,
    /// JSON objects, a line each or as the elements of an array.
    Values,
    /// Binary messages of AWS.
    Messages,
}

/// Reads a response body in its form.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// The head does not tell; the first bytes will.
    Unknown(Unknown),
    Document(BodyBuffer),
    Events(SseFramer),
    Values(ValueFramer),
    Messages(MessageFramer),
}

/// A body of which too little is known yet.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    seen: Vec<u8>,
    /// What an array would be.
    array: Option<Format>,
    /// What an object would be.
    object: Option<Format>,
}

impl Decoder {
    /// Chooses by the head of the response. Some APIs stream `values`: objects that are no
    /// server-sent events.
    pub(crate) fn new(status: u16, content_type: Option<&str>, values: bool) -> Self {
        if !(200..300).contains(&status) {
            return Self::Document(BodyBuffer::new(MAX_ERROR_BODY));
        }
        let values = values.then_some(Format::Values);
        match content_type.map(|kind| kind.split(';').next().unwrap_or_default().trim()) {
            Some("text/event-stream") => Self::of(Format::Events),
            Some("application/x-ndjson") => Self::of(Format::Values),
            Some("application/vnd.amazon.eventstream") => Self::of(Format::Messages),
            kind => Self::Unknown(Unknown {
                seen: Vec::new(),
                array: values,
                object: values.filter(|_| kind != Some("application/json")),
            }),
        }
    }

    /// For a body that is no stream, whatever it looks like.
    pub(crate) fn document() -> Self {
        Self::of(Format::Document)
    }

    fn of(format: Format) -> Self {
        match format {
            Format::Document => Self::Document(BodyBuffer::new(MAX_BODY)),
            Format::Events => Self::Events(SseFramer::default()),
            Format::Values => Self::Values(ValueFramer::default()),
            Format::Messages => Self::Messages(MessageFramer::default()),
        }
    }

    /// Adds bytes and calls `on_event` for each event that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], on_event: impl FnMut(Event<'_>)) {
        match self {
            Self::Document(body) => body.push(bytes),
            Self::Events(framer) => framer.push(bytes, on_event),
            Self::Values(framer) => framer.push(bytes, on_event),
            Self::Messages(framer) => framer.push(bytes, on_event),
            Self::Unknown(unknown) => {
                // White space ahead of everything may be of any length and says nothing.
                let bytes = match unknown.seen.as_slice() {
                    [] => bytes.trim_ascii_start(),
                    _ => bytes,
                };
                unknown.seen.extend_from_slice(bytes);
                if let Some(format) = unknown.sniff() {
                    let seen = std::mem::take(&mut unknown.seen);
                    *self = Self::of(format);
                    self.push_known(&seen, on_event);
                }
            }
        }
    }

    fn push_known(&mut self, bytes: &[u8], on_event: impl FnMut(Event<'_>)) {
        match self {
            Self::Document(body) => body.push(bytes),
            Self::Events(framer) => framer.push(bytes, on_event),
            Self::Values(framer) => framer.push(bytes, on_event),
            Self::Messages(framer) => framer.push(bytes, on_event),
            Self::Unknown(_) => {}
        }
    }

    /// Bytes of memory held for an event that is not complete.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Events(framer) => framer.held(),
            Self::Values(framer) => framer.held(),
            Self::Messages(framer) => framer.held(),
            Self::Document(body) => body.held(),
            Self::Unknown(unknown) => unknown.seen.capacity(),
        }
    }

    /// Whether the body is a stream of events.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, Self::Events(_) | Self::Values(_) | Self::Messages(_))
    }
}

impl Unknown {
    /// Tells events from a document by the first bytes. Proxies and test servers send streams
    /// under any content type.
    fn sniff(&self) -> Option<Format> {
        const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
        let bytes = self.seen.as_slice();
        let longest = FIELDS
            .iter()
            .map(|field| field.len())
            .max()
            .unwrap_or_default();
        match bytes.first()? {
            // The length of a message begins with a zero, and no text does.
            0 => Some(Format::Messages),
            b'[' => Some(self.array.unwrap_or(Format::Document)),
            b'{' => Some(self.object.unwrap_or(Format::Document)),
            _ if FIELDS.iter().any(|field| bytes.starts_with(field)) => Some(Format::Events),
            _ if bytes.len() < longest && FIELDS.iter().any(|field| field.starts_with(bytes)) => {
                None
            }
            _ => Some(Format::Document),
        }
    }
}
