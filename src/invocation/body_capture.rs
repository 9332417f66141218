//! The preview of a body that flows by.

use crate::observation::{Captured, TextCapture};

/// Keeps the beginning of a body that arrives in pieces, if it is text.
#[derive(Debug)]
pub(crate) struct BodyCapture {
    limit: usize,
    text: TextCapture,
    /// The beginning of a character that the next piece completes.
    begun: Vec<u8>,
    bytes: u64,
    is_binary: bool,
}

impl BodyCapture {
    /// Keeps at most `limit` characters.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            text: TextCapture::new(limit),
            begun: Vec::new(),
            bytes: 0,
            is_binary: false,
        }
    }

    /// Bytes seen.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Sees the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        if self.is_binary {
            return;
        }
        if self.text.is_full() {
            // What is not kept is only counted.
            self.text.skip(characters(piece));
        } else if self.begun.is_empty() {
            self.push_text(piece);
        } else {
            let mut joined = std::mem::take(&mut self.begun);
            joined.extend_from_slice(piece);
            self.push_text(&joined);
        }
    }

    /// Bytes that go by unseen; they are only counted.
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    fn push_text(&mut self, bytes: &[u8]) {
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return self.text.push(text),
            Err(error) => error,
        };
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        if error.error_len().is_some() {
            self.is_binary = true;
            return;
        }
        self.text
            .push(std::str::from_utf8(valid).unwrap_or_default());
        rest.clone_into(&mut self.begun);
    }

    /// What to show of it; a binary one by its size.
    pub(crate) fn finish(self) -> Option<Captured> {
        if self.limit == 0 || self.bytes == 0 {
            return None;
        }
        if self.is_binary {
            let size = format!("<{} bytes>", self.bytes);
            let chars = size.chars().count();
            return Some(Captured::cut(size, chars, chars));
        }
        Some(self.text.finish()).filter(|captured| captured.total > 0)
    }
}

/// Every character has one byte that does not continue another.
fn characters(piece: &[u8]) -> usize {
    piece
        .iter()
        .filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(limit: usize, pieces: &[&[u8]]) -> Option<Captured> {
        let mut capture = BodyCapture::new(limit);
        for piece in pieces {
            capture.push(piece);
        }
        capture.finish()
    }

    #[test]
    fn characters_that_are_split_come_together_again() {
        let text = "añb€c😀";
        for at in 0..text.len() {
            let (one, other) = text.as_bytes().split_at(at);
            let captured = capture(100, &[one, other]).unwrap();
            assert_eq!((captured.text.as_str(), captured.total), (text, 6));
        }
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(capture(100, &bytes).unwrap().text, text);
    }

    #[test]
    fn what_is_not_kept_is_counted() {
        let piece = "€".repeat(100);
        let captured = capture(5, &[piece.as_bytes(); 3]).unwrap();
        assert_eq!((captured.kept, captured.total), (5, 300));
    }

    #[test]
    fn a_binary_one_is_its_size() {
        for pieces in [&[&[0x1f, 0x8b, 0][..]][..], &[b"text ", &[0xff, 0xff]]] {
            let size: usize = pieces.iter().map(|piece| piece.len()).sum();
            assert_eq!(
                capture(500, pieces).unwrap().text,
                format!("<{size} bytes>")
            );
        }
    }

    #[test]
    fn an_empty_one_and_one_that_nobody_may_see_are_nothing() {
        assert_eq!(capture(500, &[]), None);
        assert_eq!(capture(500, &[b""]), None);
        assert_eq!(capture(0, &[b"text"]), None);
        assert_eq!(capture(0, &[&[0xff]]), None);
    }
}
