//! Tells, without parsing, whether a text delta still matters once the preview is full.

/// Shows each member of an object, at any depth, to `see`: its name and what its value begins with.
/// False as soon as `see` says so, and for a text that ends inside of a string. One pass: it must
/// cost less than to parse.
pub(super) fn look<'d>(data: &'d str, mut see: impl FnMut(&'d str, Start<'d>) -> bool) -> bool {
    let bytes = data.as_bytes();
    let mut at = 0;
    while let Some(quote) = position(bytes, at, b'"') {
        let begin = quote + 1;
        let Some(end) = end_of_string(bytes, begin) else {
            return false;
        };
        at = end + 1;
        let mut next = at;
        while bytes.get(next).is_some_and(u8::is_ascii_whitespace) {
            next += 1;
        }
        if bytes.get(next) != Some(&b':') {
            continue;
        }
        at = next + 1;
        let name = data.get(begin..end).unwrap_or_default();
        let value = data.get(at..).unwrap_or_default().trim_ascii_start();
        if !see(name, Start(value)) {
            return false;
        }
    }
    true
}

/// Where a value begins, and all that follows it.
#[derive(Clone, Copy)]
pub(super) struct Start<'d>(&'d str);

impl<'d> Start<'d> {
    /// Whether it is `null`, `""` or `[]`.
    pub(super) fn is_empty(self) -> bool {
        ["null", "\"\"", "[]"]
            .iter()
            .any(|empty| self.0.starts_with(empty))
    }

    /// Whether it is this number, this boolean, or this string in its quotes.
    pub(super) fn is(self, value: &str) -> bool {
        self.0
            .strip_prefix(value)
            .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
    }

    /// The characters of a string. None if it is none.
    pub(super) fn chars(self) -> Option<usize> {
        let bytes = self.0.as_bytes().strip_prefix(b"\"")?;
        let (mut chars, mut at) = (0, 0);
        loop {
            match *bytes.get(at)? {
                b'"' => return Some(chars),
                b'\\' if bytes.get(at + 1) == Some(&b'u') => {
                    let digits = bytes.get(at + 2..at + 6)?;
                    let unit = u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
                    // The second half of a pair belongs to the character of the first.
                    chars += usize::from(!(0xDC00..0xE000).contains(&unit));
                    at += 6;
                }
                b'\\' => {
                    chars += 1;
                    at += 2;
                }
                byte => {
                    // Not the second, third or fourth byte of a character.
                    chars += usize::from(byte & 0xC0 != 0x80);
                    at += 1;
                }
            }
        }
    }

    /// A string in which nothing is escaped.
    pub(super) fn plain(self) -> Option<&'d str> {
        let (text, _) = self.0.strip_prefix('"')?.split_once('"')?;
        (!text.contains('\\')).then_some(text)
    }
}

fn position(bytes: &[u8], from: usize, wanted: u8) -> Option<usize> {
    let rest = bytes.get(from..)?;
    Some(from + rest.iter().position(|byte| *byte == wanted)?)
}

/// Where the string ends that began before `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(data: &str, key: &str) -> Option<usize> {
        let mut chars = None;
        look(data, |name, value| {
            if name == key {
                chars = value.chars();
            }
            true
        });
        chars
    }

    #[test]
    fn characters_are_counted_as_a_parser_would() {
        for text in [
            "",
            "plain",
            "a\"b\\c\n",
            "añ€😀",
            "\u{1}",
            "say \"content\": 1",
        ] {
            let data = serde_json::json!({ "delta": { "content": text } }).to_string();
            assert_eq!(
                chars(&data, "content"),
                Some(text.chars().count()),
                "{text}"
            );
        }
        assert_eq!(
            chars(r#"{"content" : "\ud83d\ude00x"}"#, "content"),
            Some(2)
        );
        assert_eq!(chars(r#"{"content":null}"#, "content"), None);
        assert_eq!(chars(r#"{"content":"cut"#, "content"), None);
    }

    #[test]
    fn every_member_is_seen_and_nothing_inside_of_a_text_is() {
        let text = r#"say "usage": {}"#;
        let data = serde_json::json!({ "a": [{ "b": null }], "text": text, "z": "" }).to_string();
        let mut seen = Vec::new();
        assert!(look(&data, |name, value| {
            seen.push((name.to_owned(), value.is_empty()));
            true
        }));
        let seen: Vec<_> = seen
            .iter()
            .map(|(name, empty)| (name.as_str(), *empty))
            .collect();
        assert_eq!(
            seen,
            [("a", false), ("b", true), ("text", false), ("z", true)]
        );
        assert!(!look(r#"{"a":1,"b"#, |_, _| true));
    }

    #[test]
    fn values_are_compared_whole() {
        let is = |data: &str, literal: &str| look(data, |_, value| value.is(literal));
        assert!(is(r#"{"index" : 1}"#, "1") && is(r#"{"done":false}"#, "false"));
        assert!(!is(r#"{"index":10}"#, "1"));
        assert!(
            is(r#"{"type":"text"}"#, "\"text\"") && !is(r#"{"type":"text_delta"}"#, "\"text\"")
        );
    }
}
