//! Values as texts: strings verbatim, everything else JSON, and never more work than is kept.

use std::io;

use serde::Serialize;

use super::{
    content::{Captured, TextCapture},
    json_cut,
    privacy::Redaction,
};

/// The text of `value`, of which at most `limit` characters are kept. `None` for JSON's `null`.
///
/// Serialising stops at [`MAX_COUNTED_BYTES`], so a huge value costs what a large one does; its
/// count of characters is then a lower bound. A value whose serialiser fails becomes a sentence.
pub(crate) fn capture<T: Serialize + ?Sized>(value: &T, limit: usize) -> Option<Captured> {
    capture_explicit(value, limit, Redaction::Automatic)
}

/// The same for a value that the program gave, with as much taken out as it asked for.
pub(crate) fn capture_explicit<T: Serialize + ?Sized>(
    value: &T,
    limit: usize,
    redaction: Redaction,
) -> Option<Captured> {
    match read(value, limit, redaction) {
        Read::Null => None,
        Read::Text(captured) | Read::Json(captured) => Some(captured),
    }
}

/// Like [`capture`], but its text is JSON whatever happens, to be put into a larger JSON. What had
/// to be cut says how much is missing.
pub(crate) fn capture_json<T: Serialize + ?Sized>(value: &T, limit: usize) -> Captured {
    let captured = match read(value, limit, Redaction::Automatic) {
        Read::Null => return Captured::cut("null".to_owned(), 4, 4),
        Read::Json(captured) if !captured.is_cut() => return captured,
        Read::Json(captured) => match json_cut::close(&captured.text, &captured.note()) {
            Some(text) => return Captured { text, ..captured },
            None => captured,
        },
        Read::Text(captured) => captured,
    };
    Captured {
        text: json(&format_args!("{}{}", captured.text, captured.note())),
        ..captured
    }
}

/// The whole of `value` as JSON text; for small things such as usage or parameters.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value)
        .unwrap_or_else(|error| serde_json::Value::String(not_serializable(&error)).to_string())
}

/// A metadata value: strings as they are, the rest JSON. `None` for `null`.
pub(crate) fn metadata<T: Serialize + ?Sized>(value: &T) -> Option<String> {
    capture_explicit(value, MAX_METADATA_CHARS, Redaction::Explicit).map(|captured| captured.text)
}

/// More than this of one value is not even counted.
const MAX_COUNTED_BYTES: usize = 64 * 1024;
const MAX_METADATA_CHARS: usize = 10_000;
const MIN_MESSAGE_CHARS: usize = 200;

/// Room for a short text, so that it does not grow.
const EXPECTED_BYTES: usize = 128;

/// A value that was read up to a limit.
enum Read {
    Null,
    /// It is a string, without its quotes.
    Text(Captured),
    /// It is anything else.
    Json(Captured),
}

fn read<T: Serialize + ?Sized>(value: &T, limit: usize, redaction: Redaction) -> Read {
    let mut writer = BoundedWriter::new(limit);
    if let Err(error) = serde_json::to_writer(&mut writer, value)
        && !writer.is_exhausted()
    {
        let sentence = not_serializable(&error);
        return Read::Text(Captured::of(&sentence, limit.max(MIN_MESSAGE_CHARS)));
    }
    let total = writer.total_chars();
    let json = writer.into_text();
    if json == "null" {
        return Read::Null;
    }
    let capture = |text: String| {
        let mut capture = TextCapture::holding(text, limit, redaction);
        capture.skip(total.saturating_sub(capture.total()));
        capture.finish()
    };
    if json.starts_with('"') {
        Read::Text(capture(unquoted(json)))
    } else {
        Read::Json(capture(json))
    }
}

fn not_serializable(error: &serde_json::Error) -> String {
    format!("<not serializable: {error}>")
}

/// The text of a JSON string whose end may be cut off.
fn unquoted(mut json: String) -> String {
    if !json.contains('\\') {
        if json.len() > 1 && json.ends_with('"') {
            json.pop();
        }
        json.remove(0);
        return json;
    }
    if let Ok(text) = serde_json::from_str(&json) {
        return text;
    }
    // Cut off: at worst in the middle of an escaped surrogate pair, twelve characters long.
    for _ in 0..=12 {
        if let Ok(text) = serde_json::from_str(&format!("{json}\"")) {
            return text;
        }
        json.pop();
    }
    String::new()
}

/// Keeps the beginning of what is written, counts characters, and gives up on the enormous.
struct BoundedWriter {
    kept: Vec<u8>,
    max_kept: usize,
    max_counted: usize,
    bytes: usize,
    chars: usize,
    /// In a JSON string, an escape counts as the one character that it stands for.
    escape: Escape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    /// So many hexadecimal digits to come.
    Digits(u8),
}

impl BoundedWriter {
    fn new(limit_chars: usize) -> Self {
        // A character takes at most six bytes in JSON (`\u00e9`), and the redaction looks a
        // little beyond the limit.
        let max_kept = limit_chars.saturating_add(128).saturating_mul(6);
        Self {
            kept: Vec::with_capacity(max_kept.min(EXPECTED_BYTES)),
            max_kept,
            max_counted: max_kept.max(MAX_COUNTED_BYTES),
            bytes: 0,
            chars: 0,
            escape: Escape::None,
        }
    }

    fn is_exhausted(&self) -> bool {
        self.bytes >= self.max_counted
    }

    fn is_string(&self) -> bool {
        self.kept.first() == Some(&b'"')
    }

    /// Characters of the text: for a string those between its quotes, escapes resolved.
    fn total_chars(&self) -> usize {
        match (self.is_string(), self.is_exhausted()) {
            (true, false) => self.chars.saturating_sub(2),
            (true, true) => self.chars.saturating_sub(1),
            (false, _) => self.chars,
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        let starts_char = |byte: &&u8| (**byte & 0xC0) != 0x80;
        let is_plain = self.escape == Escape::None && !bytes.contains(&b'\\');
        if is_plain || !self.is_string() {
            self.chars += bytes.iter().filter(starts_char).count();
            return;
        }
        for byte in bytes {
            match (self.escape, byte) {
                (Escape::Digits(left), _) => {
                    self.escape = if left > 1 {
                        Escape::Digits(left - 1)
                    } else {
                        Escape::None
                    };
                }
                (Escape::Begun, b'u') => {
                    self.chars += 1;
                    self.escape = Escape::Digits(4);
                }
                (Escape::Begun, _) => {
                    self.chars += 1;
                    self.escape = Escape::None;
                }
                (Escape::None, b'\\') => self.escape = Escape::Begun,
                (Escape::None, byte) => self.chars += usize::from(starts_char(&byte)),
            }
        }
    }

    fn into_text(self) -> String {
        match String::from_utf8(self.kept) {
            Ok(text) => text,
            // The cut fell inside of a character.
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let mut bytes = error.into_bytes();
                bytes.truncate(valid);
                String::from_utf8(bytes).unwrap_or_default()
            }
        }
    }
}

impl io::Write for BoundedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_exhausted() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let room = self.max_kept.saturating_sub(self.kept.len());
        self.kept
            .extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        self.bytes += bytes.len();
        self.count(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Serializer, ser::Error as _};
    use serde_json::{Value, json};

    use super::*;

    fn text(value: impl Serialize, limit: usize) -> (String, usize, usize) {
        let captured = capture(&value, limit).expect("not null");
        (captured.text, captured.kept, captured.total)
    }

    #[test]
    fn strings_are_verbatim_and_the_rest_is_json() {
        assert_eq!(text("say \"hé\"\n", 100).0, "say \"hé\"\n");
        assert_eq!(text(json!({"a": [1, true]}), 100).0, r#"{"a":[1,true]}"#);
        assert_eq!(text(false, 100).0, "false");
        assert_eq!(capture(&None::<u8>, 100), None);
    }

    #[test]
    fn a_long_string_is_cut_between_characters_and_counted() {
        assert_eq!(text("é\"".repeat(400), 3), ("é\"é".to_owned(), 3, 800));
    }

    #[test]
    fn a_long_structure_is_cut_and_counted() {
        let (kept, chars, total) = text(vec![7; 1000], 10);
        assert_eq!((kept.as_str(), chars, total), ("[7,7,7,7,7", 10, 2001));
    }

    #[test]
    fn a_huge_value_costs_what_a_large_one_does() {
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(std::iter::repeat(1))
            }
        }
        let (kept, _, total) = text(Endless, 5);
        assert_eq!(kept, "[1,1,");
        assert!(total >= MAX_COUNTED_BYTES - 8, "{total}");
    }

    #[test]
    fn a_failing_serialiser_becomes_a_sentence() {
        struct Broken;
        impl Serialize for Broken {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(S::Error::custom("no"))
            }
        }
        assert_eq!(text(Broken, 10).0, "<not serializable: no>");
        let map = BTreeMap::from([((1, 2), 3)]);
        assert!(text(map, 10).0.starts_with("<not serializable"));
    }

    #[test]
    fn inside_of_json_a_cut_value_is_a_string_and_valid() {
        let text = |value: Value, limit| capture_json(&value, limit).text;
        assert_eq!(text(json!({"a": [1, null]}), 100), r#"{"a":[1,null]}"#);
        assert_eq!(text(json!("say \"hé\""), 100), r#""say \"hé\"""#);
        assert_eq!(text(json!(null), 100), "null");
        assert_eq!(text(json!(["hé", 1]), 4), r#"["hé…[+4 chars]"]"#);
        assert_eq!(text(json!("a \"quote"), 3), r#""a \"…[+5 chars]""#);
    }

    #[test]
    fn a_cut_inside_of_an_escape_loses_only_the_escape() {
        assert_eq!(unquoted("\"ab\\u00".to_owned()), "ab");
        assert_eq!(unquoted("\"ab\\ud83d\\ude".to_owned()), "ab");
        assert_eq!(unquoted("\"ab\\".to_owned()), "ab");
    }
}
