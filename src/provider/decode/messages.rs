//! `application/vnd.amazon.eventstream`: binary messages, each with headers and a payload.
//!
//! A message is its length, the length of its headers, a checksum of these two, the headers, the
//! payload and a checksum of all: <https://smithy.io/2.0/aws/amazon-eventstream.html>.

use flate2::Crc;

use super::{Event, MAX_EVENT, reuse};

/// Bytes of the two lengths and their checksum.
const PRELUDE: usize = 12;
/// Bytes of the checksum that ends a message.
const CHECKSUM: usize = 4;

/// Collects bytes and hands on complete messages. Holds at most one that is not complete.
#[derive(Debug, Default)]
pub(crate) struct MessageFramer {
    message: Vec<u8>,
    /// Bytes of a message given up that are still to come.
    to_skip: usize,
    /// The bytes are no messages: nothing more is read.
    is_broken: bool,
    /// Messages given up.
    lost: usize,
}

impl MessageFramer {
    /// Adds bytes and calls `on_event` for each message that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], mut on_event: impl FnMut(Event<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_broken {
            if self.to_skip > 0 {
                let (skipped, next) = rest.split_at(self.to_skip.min(rest.len()));
                self.to_skip -= skipped.len();
                rest = next;
                continue;
            }
            let wanted = self.length().unwrap_or(PRELUDE) - self.message.len();
            let (piece, next) = rest.split_at(wanted.min(rest.len()));
            self.message.extend_from_slice(piece);
            rest = next;
            if self.message.len() == PRELUDE {
                self.check_prelude();
            }
            if self.length() == Some(self.message.len()) {
                if let Some(message) = Message::parse(&self.message) {
                    message.hand_on(&mut on_event);
                }
                reuse(&mut self.message);
            }
        }
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.message.capacity()
    }

    /// Messages that could not be read.
    pub(crate) fn lost(&self) -> usize {
        self.lost
    }

    /// The length of the present message, once its prelude is there.
    fn length(&self) -> Option<usize> {
        (self.message.len() >= PRELUDE)
            .then(|| number(&self.message, 0))
            .flatten()
    }

    /// Finds out whether the message can be read, before anything of it is kept.
    fn check_prelude(&mut self) {
        let length = self.length().unwrap_or_default();
        let sound = number(&self.message, 4)
            .is_some_and(|headers| length >= PRELUDE + headers.saturating_add(CHECKSUM))
            && checksum(self.message.get(..8)) == number(&self.message, 8);
        if !sound {
            self.is_broken = true;
        } else if length > MAX_EVENT {
            self.to_skip = length - PRELUDE;
        } else {
            return;
        }
        self.lost += 1;
        reuse(&mut self.message);
    }
}

/// The big-endian number at `at`.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

fn checksum(bytes: Option<&[u8]>) -> Option<usize> {
    let mut crc = Crc::new();
    crc.update(bytes?);
    usize::try_from(crc.sum()).ok()
}

/// What we want to know of a message.
#[derive(Default)]
struct Message<'a> {
    kind: &'a str,
    event_type: &'a str,
    exception_type: &'a str,
    error_code: &'a str,
    error_text: &'a str,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let headers_end = PRELUDE.checked_add(number(bytes, 4)?)?;
        let mut headers = bytes.get(PRELUDE..headers_end)?;
        let payload = bytes.get(headers_end..bytes.len().checked_sub(CHECKSUM)?)?;
        let mut message = Self {
            payload,
            ..Self::default()
        };
        while !headers.is_empty() {
            let (name, value, rest) = header(headers)?;
            headers = rest;
            match name {
                ":message-type" => message.kind = value,
                ":event-type" => message.event_type = value,
                ":exception-type" => message.exception_type = value,
                ":error-code" => message.error_code = value,
                ":error-message" => message.error_text = value,
                _ => {}
            }
        }
        Some(message)
    }

    fn hand_on(&self, on_event: &mut impl FnMut(Event<'_>)) {
        let payload = String::from_utf8_lossy(self.payload);
        let (name, data, is_exception) = match self.kind {
            "exception" => (self.exception_type, payload.as_ref(), true),
            "error" => (self.error_code, self.error_text, true),
            _ => (self.event_type, payload.as_ref(), false),
        };
        on_event(Event {
            name,
            data,
            is_exception,
        });
    }
}

/// The first header's name and its value, empty if it is no text; and the headers after it.
fn header(bytes: &[u8]) -> Option<(&str, &str, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(length.into())?;
    let (&kind, rest) = rest.split_first()?;
    let size = match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        6 | 7 => 2 + usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)),
        9 => 16,
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(size)?;
    let text = match kind {
        7 => str::from_utf8(value.get(2..)?).ok()?,
        _ => "",
    };
    Some((str::from_utf8(name).ok()?, text, rest))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message with text headers.
    pub(crate) fn message(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in headers {
            block.push(u8::try_from(name.len()).unwrap());
            block.extend_from_slice(name.as_bytes());
            block.push(7);
            block.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            block.extend_from_slice(value.as_bytes());
        }
        let length = PRELUDE + block.len() + payload.len() + CHECKSUM;
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        bytes.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes());
        seal(&mut bytes);
        bytes.extend_from_slice(&block);
        bytes.extend_from_slice(payload.as_bytes());
        seal(&mut bytes);
        bytes
    }

    fn seal(bytes: &mut Vec<u8>) {
        let sum = u32::try_from(checksum(Some(bytes)).unwrap()).unwrap();
        bytes.extend_from_slice(&sum.to_be_bytes());
    }

    fn events(chunks: &[&[u8]]) -> (Vec<(String, String, bool)>, usize) {
        let mut events = Vec::new();
        let mut framer = MessageFramer::default();
        for chunk in chunks {
            framer.push(chunk, |event| {
                events.push((
                    event.name.to_owned(),
                    event.data.to_owned(),
                    event.is_exception,
                ));
            });
            assert!(framer.message.len() <= MAX_EVENT);
        }
        (events, framer.lost())
    }

    fn sample() -> Vec<u8> {
        let event = [(":message-type", "event"), (":event-type", "chunk")];
        let exception = [
            (":exception-type", "throttlingException"),
            (":message-type", "exception"),
        ];
        let error = [
            (":message-type", "error"),
            (":error-code", "Internal"),
            (":error-message", "no"),
        ];
        [
            message(&event, r#"{"a":1}"#),
            message(&event, &"x".repeat(MAX_EVENT)),
            message(&exception, r#"{"message":"slow down"}"#),
            message(&error, ""),
            vec![0; 40],
            message(&event, "never read"),
        ]
        .concat()
    }

    #[test]
    fn events_exceptions_and_errors_and_what_is_too_long_or_no_message() {
        let event = |name: &str, data: &str, failed| (name.to_owned(), data.to_owned(), failed);
        let expected = vec![
            event("chunk", r#"{"a":1}"#, false),
            event("throttlingException", r#"{"message":"slow down"}"#, true),
            event("Internal", "no", true),
        ];
        let sample = sample();
        assert_eq!(events(&[&sample]), (expected.clone(), 2));
        let bytes: Vec<&[u8]> = sample.chunks(7).collect();
        assert_eq!(events(&bytes), (expected, 2));
    }

    proptest! {
        #[test]
        fn the_cut_of_any_bytes_does_not_matter(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            sound in any::<bool>(),
            size in 1_usize..30,
        ) {
            let mut body = if sound { message(&[("x", "y")], "{}") } else { Vec::new() };
            body.extend_from_slice(&bytes);
            let chunks: Vec<&[u8]> = body.chunks(size).collect();
            prop_assert_eq!(events(&chunks), events(&[&body]));
        }
    }
}
