//! JSON objects one after the other: a line each, or the elements of an array.

use super::{Event, MAX_EVENT, reuse};

/// Collects bytes and hands on complete objects. Holds at most one that is not complete.
#[derive(Debug, Default)]
pub(crate) struct ValueFramer {
    value: Vec<u8>,
    /// Braces and brackets that are open inside of the object.
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    /// The present object is too long: nothing more of it is kept.
    given_up: bool,
    /// Objects given up.
    lost: usize,
}

impl ValueFramer {
    /// Adds bytes and calls `on_event` for each object that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], mut on_event: impl FnMut(Event<'_>)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.depth == 0 {
                // Between objects: white space, and an array's brackets and commas.
                let Some(start) = rest.iter().position(|&byte| byte == b'{') else {
                    return;
                };
                rest = rest.get(start..).unwrap_or_default();
            }
            let end = self.end_of_object(rest);
            let (piece, next) = rest.split_at(end.unwrap_or(rest.len()));
            self.keep(piece);
            if end.is_some() {
                self.hand_on(&mut on_event);
            }
            rest = next;
        }
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.value.capacity()
    }

    /// Objects that were too long to be read.
    pub(crate) fn lost(&self) -> usize {
        self.lost
    }

    /// Where the object ends in `bytes`.
    fn end_of_object(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.after_backslash => self.after_backslash = false,
                    b'\\' => self.after_backslash = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.given_up {
            return;
        }
        if self.value.len() + bytes.len() > MAX_EVENT {
            self.given_up = true;
            self.lost += 1;
            self.value = Vec::new();
        } else {
            self.value.extend_from_slice(bytes);
        }
    }

    fn hand_on(&mut self, on_event: &mut impl FnMut(Event<'_>)) {
        if !std::mem::take(&mut self.given_up) {
            let data = String::from_utf8_lossy(&self.value);
            on_event(Event {
                name: "",
                data: &data,
                is_exception: false,
            });
        }
        reuse(&mut self.value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(chunks: &[&[u8]]) -> Vec<String> {
        let mut values = Vec::new();
        let mut framer = ValueFramer::default();
        for chunk in chunks {
            framer.push(chunk, |event| values.push(event.data.to_owned()));
        }
        values
    }

    #[test]
    fn lines_and_the_elements_of_an_array() {
        let lines = b"{\"a\":\"}\\\"{\"}\r\n{\"b\":[{}]}\n{\"cut\":";
        assert_eq!(values(&[lines]), [r#"{"a":"}\"{"}"#, r#"{"b":[{}]}"#]);
        let array = b"[{\n  \"a\": 1\n}\n,\n{\"b\": {}}]";
        assert_eq!(values(&[array]), ["{\n  \"a\": 1\n}", r#"{"b": {}}"#]);
    }

    #[test]
    fn an_object_that_is_too_long_is_given_up_alone() {
        let long = format!("{{\"x\":\"{}\"}}", "y".repeat(MAX_EVENT));
        let mut framer = ValueFramer::default();
        let mut seen = Vec::new();
        for chunk in long.as_bytes().chunks(10_000) {
            framer.push(chunk, |event| seen.push(event.data.to_owned()));
            assert!(framer.value.len() <= MAX_EVENT);
        }
        framer.push(b"{}", |event| seen.push(event.data.to_owned()));
        assert_eq!((seen, framer.lost()), (vec!["{}".to_owned()], 1));
    }

    proptest! {
        #[test]
        fn the_cut_of_the_bytes_does_not_matter(
            body in "[\\[\\]{}\",:\\\\a€ \n]{0,60}",
            size in 1_usize..9,
        ) {
            let chunks: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
            prop_assert_eq!(values(&chunks), values(&[body.as_bytes()]));
        }
    }
}
