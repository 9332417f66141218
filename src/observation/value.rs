//! Values as texts: strings verbatim, everything else JSON, and never more work than is kept.

use std::{
    fmt::{self, Write as _},
    io,
};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use super::{
    content::{Captured, TextCapture},
    json_cut,
    privacy::{Mask, Redaction},
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
    if limit == 0 {
        return None;
    }
    match read(value, limit, redaction) {
        Read::Null => None,
        Read::Text(captured) | Read::Json(captured) => Some(captured),
    }
}

/// Like [`capture`], but its text is JSON whatever happens, to be put into a larger JSON. What had
/// to be cut says how much is missing, and has been seen by the mask before the cut; the rest the
/// mask sees in the larger JSON.
pub(crate) fn capture_json<T: Serialize + ?Sized>(
    value: &T,
    limit: usize,
    mask: Option<(&str, &Mask)>,
) -> Captured {
    let captured = match read(value, limit, Redaction::Automatic) {
        Read::Null => return Captured::cut("null".to_owned(), 4, 4),
        Read::Json(captured) if !captured.is_cut() => return captured,
        Read::Json(captured) => {
            let captured = captured.masked_if_cut(mask);
            match json_cut::close(&captured.text, &captured.note()) {
                Some(text) => return Captured { text, ..captured },
                None => captured,
            }
        }
        Read::Text(captured) => captured.masked_if_cut(mask),
    };
    Captured {
        text: json(&format_args!("{}{}", captured.text, captured.note())),
        ..captured
    }
}

/// What `error` says of itself. A `Display` that fails is no reason to panic.
pub(crate) fn displayed(error: &(impl fmt::Display + ?Sized)) -> String {
    let mut text = String::new();
    // What it wrote before it failed stays.
    let _failed = write!(text, "{error}").is_err();
    text
}

/// The whole of `value` as JSON text; for small things such as usage or parameters.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value)
        .unwrap_or_else(|error| serde_json::Value::String(not_serializable(&error)).to_string())
}

/// A metadata value: strings as they are, the rest JSON. `None` for `null`.
pub(crate) fn metadata<T: Serialize + ?Sized>(value: &T) -> Option<Captured> {
    capture_explicit(value, MAX_METADATA_CHARS, Redaction::Explicit)
}

/// A JSON object, seen by the mask; `None` for anything that is none.
pub(crate) fn object<T: Serialize + ?Sized>(
    value: &T,
    field: &str,
    mask: Option<&Mask>,
) -> Option<String> {
    let text = metadata(value)?.shown(field, mask);
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text)
        .is_ok()
        .then_some(text)
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
    let mut serializer = serde_json::Serializer::with_formatter(&mut writer, Portable::default());
    if let Err(error) = value.serialize(&mut serializer)
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

/// JSON that every reader reads as it was meant: Langfuse's holds numbers as 64-bit floats, so
/// larger integers become strings, as in the official SDKs; bytes become their text or their size.
#[derive(Debug, Default)]
struct Portable {
    /// Keys have quotes already.
    in_key: bool,
}

/// The largest integer below which 64-bit floats hold every one.
const MAX_SAFE_INTEGER: u128 = (1 << 53) - 1;

impl Portable {
    fn is_exact(&self, magnitude: u128) -> bool {
        magnitude <= MAX_SAFE_INTEGER || self.in_key
    }
}

impl Formatter for Portable {
    fn write_i64<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        if self.is_exact(value.unsigned_abs().into()) {
            return CompactFormatter.write_i64(writer, value);
        }
        write!(writer, "\"{value}\"")
    }

    fn write_u64<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        if self.is_exact(value.into()) {
            return CompactFormatter.write_u64(writer, value);
        }
        write!(writer, "\"{value}\"")
    }

    fn write_i128<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: i128) -> io::Result<()> {
        if self.is_exact(value.unsigned_abs()) {
            return CompactFormatter.write_i128(writer, value);
        }
        write!(writer, "\"{value}\"")
    }

    fn write_u128<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: u128) -> io::Result<()> {
        if self.is_exact(value) {
            return CompactFormatter.write_u128(writer, value);
        }
        write!(writer, "\"{value}\"")
    }

    fn write_byte_array<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        value: &[u8],
    ) -> io::Result<()> {
        let written = match std::str::from_utf8(value) {
            Ok(text) => serde_json::to_writer(writer, text),
            Err(_) => serde_json::to_writer(writer, &format_args!("<{} bytes>", value.len())),
        };
        written.map_err(io::Error::from)
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.in_key = true;
        if first {
            Ok(())
        } else {
            writer.write_all(b",")
        }
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.in_key = false;
        writer.write_all(b":")
    }
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
    fn numbers_that_readers_would_round_are_strings_and_bytes_are_text_or_their_size() {
        struct Bytes(&'static [u8]);
        impl Serialize for Bytes {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(self.0)
            }
        }
        let exact = (1_u64 << 53) - 1;
        assert_eq!(
            text((exact, exact + 1, i64::MIN, u128::MAX), 200).0,
            r#"[9007199254740991,"9007199254740992","-9223372036854775808","340282366920938463463374607431768211455"]"#
        );
        assert_eq!(text(u64::MAX, 100).0, "18446744073709551615");
        assert_eq!(
            text(BTreeMap::from([(u64::MAX, u64::MAX)]), 100).0,
            r#"{"18446744073709551615":"18446744073709551615"}"#
        );
        assert_eq!(
            text((f64::NAN, f64::INFINITY, 0.5), 100).0,
            "[null,null,0.5]"
        );
        assert_eq!(
            text((Bytes(b"a\"b"), Bytes(&[0xFF, 0xFE])), 100).0,
            r#"["a\"b","<2 bytes>"]"#
        );
    }

    #[test]
    fn inside_of_json_a_cut_value_is_a_string_and_valid() {
        let text = |value: Value, limit| capture_json(&value, limit, None).text;
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
