//! The form of a response body, and what is kept while it arrives.

use super::{
    BodyBuffer, Event, SseFramer,
    body::{MAX_BODY, MAX_ERROR_BODY},
};

/// The form of a response body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON document.
    Document,
    /// Server-sent events.
    Events,
}

/// Reads a response body in its form.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// The head does not tell; the first bytes will.
    Unknown(Vec<u8>),
    Document(BodyBuffer),
    Events(SseFramer),
}

impl Decoder {
    /// Chooses by the head of the response.
    pub(crate) fn new(status: u16, content_type: Option<&str>) -> Self {
        if !(200..300).contains(&status) {
            return Self::Document(BodyBuffer::new(MAX_ERROR_BODY));
        }
        match content_type.map(|kind| kind.split(';').next().unwrap_or_default().trim()) {
            Some("text/event-stream") => Self::of(Format::Events),
            _ => Self::Unknown(Vec::new()),
        }
    }

    fn of(format: Format) -> Self {
        match format {
            Format::Document => Self::Document(BodyBuffer::new(MAX_BODY)),
            Format::Events => Self::Events(SseFramer::default()),
        }
    }

    /// Adds bytes and calls `on_event` for each event that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], on_event: impl FnMut(Event<'_>)) {
        match self {
            Self::Document(body) => body.push(bytes),
            Self::Events(framer) => framer.push(bytes, on_event),
            Self::Unknown(seen) => {
                let seen = [std::mem::take(seen).as_slice(), bytes].concat();
                match sniff(&seen) {
                    Some(format) => {
                        *self = Self::of(format);
                        self.push_known(&seen, on_event);
                    }
                    None => *self = Self::Unknown(seen),
                }
            }
        }
    }

    fn push_known(&mut self, bytes: &[u8], on_event: impl FnMut(Event<'_>)) {
        match self {
            Self::Document(body) => body.push(bytes),
            Self::Events(framer) => framer.push(bytes, on_event),
            Self::Unknown(_) => {}
        }
    }

    /// Whether the body is a stream of events.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, Self::Events(_))
    }
}

/// Tells events from a document by the first bytes. Proxies and test servers send streams
/// under any content type.
fn sniff(bytes: &[u8]) -> Option<Format> {
    const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    let bytes = bytes.trim_ascii_start();
    let longest = FIELDS
        .iter()
        .map(|field| field.len())
        .max()
        .unwrap_or_default();
    if FIELDS.iter().any(|field| bytes.starts_with(field)) {
        Some(Format::Events)
    } else if bytes.len() < longest && FIELDS.iter().any(|field| field.starts_with(bytes)) {
        None
    } else {
        Some(Format::Document)
    }
}
