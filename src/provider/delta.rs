//! Tells, without parsing, whether a text delta still matters once the preview is full.

/// The characters of the JSON string that follows the first `"key":`. None if there is none.
pub(super) fn string_chars(data: &str, key: &str) -> Option<usize> {
    let rest = after_key(data, key)?.strip_prefix('"')?;
    let mut chars = 0;
    let mut rest = rest.chars();
    while let Some(char) = rest.next() {
        match char {
            '"' => return Some(chars),
            '\\' => {
                if rest.next() == Some('u') {
                    let unit = u16::from_str_radix(rest.as_str().get(..4)?, 16).ok()?;
                    rest = rest.as_str().get(4..)?.chars();
                    // The second half of a pair belongs to the character of the first.
                    chars += usize::from(!(0xDC00..0xE000).contains(&unit));
                } else {
                    chars += 1;
                }
            }
            _ => chars += 1,
        }
    }
    None
}

/// Whether the object has `key` anywhere with a value other than `null`, `""` or `[]`.
pub(super) fn has_value(data: &str, key: &str) -> bool {
    let mut rest = data;
    while let Some(value) = after_key(rest, key) {
        if !["null", "\"\"", "[]"]
            .iter()
            .any(|empty| value.starts_with(empty))
        {
            return true;
        }
        rest = value;
    }
    false
}

/// Whether the first `key` has this value: a number, a boolean, or a string in its quotes.
pub(super) fn is(data: &str, key: &str, value: &str) -> bool {
    after_key(data, key)
        .and_then(|rest| rest.strip_prefix(value))
        .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
}

/// How often the object has `key`, anywhere.
pub(super) fn occurrences(data: &str, key: &str) -> usize {
    std::iter::successors(after_key(data, key), |rest| after_key(rest, key)).count()
}

/// The JSON string that follows the first `"key":`, if nothing in it is escaped.
pub(super) fn plain_string<'d>(data: &'d str, key: &str) -> Option<&'d str> {
    let (text, _) = after_key(data, key)?.strip_prefix('"')?.split_once('"')?;
    (!text.contains('\\')).then_some(text)
}

/// What follows the first `"key":` and white space.
fn after_key<'d>(data: &'d str, key: &str) -> Option<&'d str> {
    let mut rest = data;
    loop {
        let at = rest.find(key)?;
        let before = rest.get(..at)?;
        rest = rest.get(at + key.len()..)?;
        let value = rest
            .strip_prefix('"')
            .and_then(|rest| rest.trim_start().strip_prefix(':'));
        if let (true, Some(value)) = (before.ends_with('"'), value) {
            return Some(value.trim_start());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_as_a_parser_would() {
        for text in ["", "plain", "a\"b\\c\n", "añ€😀", "\u{1}"] {
            let data = serde_json::json!({ "delta": { "content": text } }).to_string();
            assert_eq!(
                string_chars(&data, "content"),
                Some(text.chars().count()),
                "{text}"
            );
        }
        assert_eq!(
            string_chars(r#"{"content" : "\ud83d\ude00x"}"#, "content"),
            Some(2)
        );
        assert_eq!(string_chars(r#"{"content":null}"#, "content"), None);
        assert_eq!(string_chars(r#"{"content":"cut"#, "content"), None);
    }

    #[test]
    fn values_are_compared_whole() {
        let data = r#"{"index" : 1,"done":false,"type":"text_delta","x":{"index":10}}"#;
        assert!(is(data, "index", "1") && is(data, "done", "false"));
        assert!(is(data, "type", "\"text_delta\""));
        assert!(!is(r#"{"index":10}"#, "index", "1") && !is(data, "type", "\"text\""));
        assert_eq!(
            (occurrences(data, "index"), occurrences(data, "text")),
            (2, 0)
        );
    }

    #[test]
    fn a_key_inside_of_a_text_is_none() {
        let data = serde_json::json!({ "text": "say \"usage\": {}" }).to_string();
        assert!(!has_value(&data, "usage"));
        assert_eq!(plain_string(&data, "text"), None);
        assert_eq!(plain_string(r#"{"bytes":"YQ=="}"#, "bytes"), Some("YQ=="));
    }

    #[test]
    fn a_null_is_no_value() {
        assert!(!has_value(r#"{"usage": null,"x":{"usage":null}}"#, "usage"));
        assert!(has_value(r#"{"usage": null,"x":{"usage" : {}}}"#, "usage"));
        assert!(!has_value(r#"{"text":"usage: 1"}"#, "usage"));
    }
}
