//! JSON texts that were cut, made valid again.

/// Closes the beginning of a JSON document so that it is a document: what the cut halved is left
/// out, except for strings, which keep their beginning. `mark` says how much is missing; it is
/// appended to the last open string, or becomes a last element.
///
/// `None` if `prefix` is not the beginning of an object or array.
pub(super) fn close(prefix: &str, mark: &str) -> Option<String> {
    let mut scan = Scan::default();
    for (at, byte) in prefix.bytes().enumerate() {
        scan.step(at, byte)?;
    }
    scan.finish(prefix, mark)
}

/// What is expected where the scan stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expect {
    /// A value, at the beginning or after `:` or `,`.
    #[default]
    Value,
    /// A key, or the end of an object that has none yet.
    Key,
    /// The `:` after a key.
    Colon,
    /// `,` or the end of the container.
    Next,
}

#[derive(Debug, Default)]
struct Scan {
    /// The closing brackets of what is open.
    open: Vec<u8>,
    expect: Expect,
    /// Where the text may end so that closing the containers makes it valid.
    safe: usize,
    /// Whether the container at `safe` has elements, and so needs a comma before another.
    has_elements: bool,
    depth_at_safe: usize,
    string: Option<StringScan>,
    in_scalar: bool,
}

#[derive(Debug)]
struct StringScan {
    is_key: bool,
    /// Where the string may be cut: not inside of an escape.
    safe: usize,
    escape: u8,
    /// Half of a surrogate pair was seen.
    half: Option<usize>,
    digits: u16,
}

impl Scan {
    /// `None` if this is no JSON object or array.
    fn step(&mut self, at: usize, byte: u8) -> Option<()> {
        if self.string.is_some() {
            self.step_in_string(at, byte);
            return Some(());
        }
        if self.in_scalar {
            if matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace() {
                self.in_scalar = false;
                self.value_ends(at);
            } else {
                return Some(());
            }
        }
        match (byte, self.expect) {
            _ if byte.is_ascii_whitespace() => {}
            (b'{' | b'[', Expect::Value) => self.opens(at, byte),
            (b'}' | b']', Expect::Next | Expect::Key | Expect::Value) => {
                (self.open.pop()? == byte).then_some(())?;
                self.expect = Expect::Next;
                self.value_ends(at + 1);
            }
            (b'"', Expect::Key | Expect::Value) if !self.open.is_empty() => {
                self.string = Some(StringScan {
                    is_key: self.expect == Expect::Key,
                    safe: at + 1,
                    escape: 0,
                    half: None,
                    digits: 0,
                });
            }
            (b':', Expect::Colon) => self.expect = Expect::Value,
            (b',', Expect::Next) => {
                self.expect = if self.open.last() == Some(&b'}') {
                    Expect::Key
                } else {
                    Expect::Value
                };
            }
            (_, Expect::Value) if !self.open.is_empty() => self.in_scalar = true,
            _ => return None,
        }
        Some(())
    }

    fn opens(&mut self, at: usize, byte: u8) {
        self.open.push(if byte == b'{' { b'}' } else { b']' });
        self.expect = if byte == b'{' {
            Expect::Key
        } else {
            Expect::Value
        };
        self.mark_safe(at + 1, false);
    }

    fn value_ends(&mut self, end: usize) {
        self.expect = Expect::Next;
        self.mark_safe(end, true);
    }

    fn mark_safe(&mut self, end: usize, has_elements: bool) {
        self.safe = end;
        self.has_elements = has_elements;
        self.depth_at_safe = self.open.len();
    }

    fn step_in_string(&mut self, at: usize, byte: u8) {
        let Some(string) = &mut self.string else {
            return;
        };
        match (string.escape, byte) {
            (0, b'"') => {
                let is_key = string.is_key;
                self.string = None;
                if is_key {
                    self.expect = Expect::Colon;
                } else {
                    self.value_ends(at + 1);
                }
                return;
            }
            (0, b'\\') => {
                string.escape = 1;
                return;
            }
            (1, b'u') => {
                string.escape = 5;
                string.digits = 0;
                return;
            }
            (1, _) => string.escape = 0,
            (escape @ 3..=5, byte) => {
                string.escape = escape - 1;
                string.digits = string.digits << 4 | hex(byte);
                return;
            }
            (2, byte) => {
                string.escape = 0;
                string.digits = string.digits << 4 | hex(byte);
                if (0xD800..0xDC00).contains(&string.digits) {
                    // The other half must follow; until then the cut is before the first.
                    string.half = Some(string.safe);
                    return;
                }
            }
            _ => {}
        }
        string.half = None;
        string.safe = at + 1;
    }

    fn finish(self, prefix: &str, mark: &str) -> Option<String> {
        if self.depth_at_safe == 0 && self.string.is_none() && self.safe == 0 {
            return None;
        }
        let in_value = self.string.as_ref().filter(|string| !string.is_key);
        let (end, closes) = match in_value {
            // Back to where the text is whole characters.
            Some(string) => (char_boundary(prefix, string.safe), self.open.len()),
            None => (self.safe, self.depth_at_safe),
        };
        let mut text = prefix.get(..end)?.to_owned();
        if in_value.is_some() {
            text.extend([mark, "\""]);
        } else {
            let is_object = self.open.get(closes.checked_sub(1)?) == Some(&b'}');
            if self.has_elements {
                text.push(',');
            }
            text.extend(if is_object {
                ["\"…\":\"", mark, "\""]
            } else {
                ["\"", mark, "\""]
            });
        }
        text.extend(
            self.open
                .get(..closes)?
                .iter()
                .rev()
                .map(|byte| char::from(*byte)),
        );
        Some(text)
    }
}

fn char_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn hex(byte: u8) -> u16 {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u16::try_from(digit).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn strings_keep_their_beginning_and_the_rest_is_left_out() {
        for (prefix, closed) in [
            (r#"{"q":"Sum up th"#, r#"{"q":"Sum up th+9"}"#),
            (r#"{"q":"a","lo"#, r#"{"q":"a","…":"+9"}"#),
            (r#"{"q":"a","n":12"#, r#"{"q":"a","…":"+9"}"#),
            (r#"{"q":"a","n":"#, r#"{"q":"a","…":"+9"}"#),
            (r"[1,2,3", r#"[1,2,"+9"]"#),
            (r#"[{"a":[tru"#, r#"[{"a":["+9"]}]"#),
            (r#"["ab\u00"#, r#"["ab+9"]"#),
            (r#"["ab\ud83d\ude"#, r#"["ab+9"]"#),
            ("{", r#"{"…":"+9"}"#),
        ] {
            assert_eq!(close(prefix, "+9").as_deref(), Some(closed), "{prefix}");
        }
    }

    #[test]
    fn what_is_no_json_is_left_to_others() {
        for text in ["", "plain", "\"string", "12", "}", "[}", "{1"] {
            assert_eq!(close(text, "+9"), None, "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_cut_of_every_document_is_a_document(value in any_json(), ascii: bool, at: prop::sample::Index) {
            let mut text = json!([value]).to_string();
            if ascii {
                text = escaped(&text);
            }
            let mut cut = at.index(text.len() + 1).max(1);
            while !text.is_char_boundary(cut) {
                cut += 1;
            }
            let closed = close(&text[..cut], "…[+1 chars]");
            if cut < text.len() {
                let closed = closed.expect("the beginning of an array");
                prop_assert!(serde_json::from_str::<Value>(&closed).is_ok(), "{} -> {}", &text[..cut], closed);
            }
        }
    }

    /// With every character beyond ASCII as an escape, surrogate pairs included.
    fn escaped(text: &str) -> String {
        let mut out = String::new();
        for character in text.chars() {
            if character.is_ascii() {
                out.push(character);
            } else {
                let mut units = [0; 2];
                out.extend(
                    character
                        .encode_utf16(&mut units)
                        .iter()
                        .map(|unit| format!("\\u{unit:04x}")),
                );
            }
        }
        out
    }
}
