//! E-mail addresses, phone numbers and payment card numbers.
//!
//! Written to miss little of what people write and to leave identifiers, dates, addresses of
//! machines and amounts alone.

use std::borrow::Cow;

/// Replaces personal data in `text`; borrows when there is none.
pub(super) fn redact_personal(text: &str) -> Cow<'_, str> {
    super::and_then(redact_emails(text), redact_numbers)
}

fn redact_emails(text: &str) -> Cow<'_, str> {
    super::replace(text, |from| {
        let mut search = from;
        loop {
            let at = search + text.get(search..)?.find('@')?;
            let before = text.get(from..at)?;
            let local = before
                .bytes()
                .rev()
                .take_while(|byte| is_local(*byte))
                .count();
            let local = local.saturating_sub(escape_at(before, before.len() - local));
            let domain = text
                .get(at + 1..)?
                .bytes()
                .take_while(|byte| is_domain(*byte))
                .count();
            let host = text
                .get(at + 1..at + 1 + domain)?
                .trim_end_matches(['.', '-']);
            if local > 0
                && host.split('.').count() > 1
                && host.split('.').all(|label| !label.is_empty())
            {
                return Some((at - local, at + 1 + host.len(), "[email]".into()));
            }
            search = at + 1;
        }
    })
}

/// Phone and card numbers: runs of digits and what people put between them.
fn redact_numbers(text: &str) -> Cow<'_, str> {
    super::replace(text, |from| {
        let mut at = from;
        loop {
            let run = next_run(text, at)?;
            if let Some(kind) = kind_of(text.get(run.0..run.1)?)
                && !is_json_number(text, run)
            {
                return Some((run.0, run.1, kind.into()));
            }
            at = run.1;
        }
    })
}

/// A bare number in a JSON array: a word in its place would not be JSON. (After a colon or a comma
/// numbers do not stand alone.)
fn is_json_number(text: &str, (start, end): (usize, usize)) -> bool {
    let before = text
        .get(..start)
        .unwrap_or_default()
        .trim_end()
        .bytes()
        .next_back();
    before == Some(b'[')
        && text
            .get(start..end)
            .is_some_and(|run| run.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The next run of digits and separators that stands alone, its byte range.
fn next_run(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        let start = at
            + bytes
                .get(at..)?
                .iter()
                .position(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'('))?;
        let length = bytes
            .get(start..)?
            .iter()
            .take_while(|byte| is_number(**byte))
            .count();
        let digits_end = bytes
            .get(start..start + length)?
            .iter()
            .rposition(u8::is_ascii_digit)
            .map_or(start, |last| start + last + 1);
        if digits_end > start && stands_alone(bytes, start, digits_end) {
            return Some((start, digits_end));
        }
        at = start + length.max(1);
    }
}

/// Not a part of a word, an identifier or a decimal number.
fn stands_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let joins = |byte: Option<&u8>| {
        byte.is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'=' | b'$')
        })
    };
    let at = |back: usize| start.checked_sub(back).and_then(|at| bytes.get(at));
    // The letter of an escape in JSON, a line break for instance.
    if matches!(at(1), Some(b'n' | b'r' | b't')) && at(2) == Some(&b'\\') {
        return !joins(bytes.get(end));
    }
    let before = at(1);
    !joins(before)
        && !joins(bytes.get(end))
        && !matches!(before, Some(b'.' | b',' | b'-' | b':' | b'#'))
}

fn kind_of(run: &str) -> Option<&'static str> {
    let digits: Vec<u8> = run
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|byte| byte - b'0')
        .collect();
    if (13..=19).contains(&digits.len())
        && run
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-'))
        && luhn(&digits)
    {
        return Some("[card]");
    }
    is_phone(run, digits.len()).then_some("[phone]")
}

/// An international number, a national one that begins with 0 or a bracket, or three groups of
/// three, three and four digits.
fn is_phone(run: &str, digits: usize) -> bool {
    if !(8..=15).contains(&digits) || run.contains("..") || run.contains("--") {
        return false;
    }
    let groups: Vec<usize> = run
        .split(|c: char| !c.is_ascii_digit())
        .map(str::len)
        .filter(|length| *length > 0)
        .collect();
    let is_north_american = groups == [3, 3, 4] && groups.len() > 1;
    let is_national = digits >= 9
        && groups.len() > 1
        && (run.starts_with('(') || run.starts_with('0'))
        && !looks_like_a_date(&groups);
    run.starts_with('+') || is_north_american || is_national
}

/// `2026-11-22`, `22.11.2026`, perhaps with an hour behind.
fn looks_like_a_date(groups: &[usize]) -> bool {
    (3..5).contains(&groups.len())
        && groups.contains(&4)
        && groups.iter().all(|length| matches!(length, 2 | 4))
}

/// The check digit of payment cards (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(*digit) * if place % 2 == 1 { 2 } else { 1 };
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// The bytes at `start` that belong to the escape of a JSON string begun before it: the `n` of a
/// line break, `u` and four digits of a code.
fn escape_at(text: &str, start: usize) -> usize {
    let is_escape = start
        .checked_sub(1)
        .and_then(|before| text.as_bytes().get(before))
        == Some(&b'\\');
    match text.as_bytes().get(start) {
        Some(b'n' | b'r' | b't' | b'b' | b'f') if is_escape => 1,
        Some(b'u') if is_escape => 5,
        _ => 0,
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'+' | b' ' | b'-' | b'.' | b'(' | b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_is_replaced() {
        for (text, expected) in [
            ("write to ann.o+x@mail.example.co.uk.", "write to [email]."),
            (
                "{\"to\":\"a@b.de\",\"cc\":\"c@d.fr\"}",
                "{\"to\":\"[email]\",\"cc\":\"[email]\"}",
            ),
            ("call +49 30 1234567 now", "call [phone] now"),
            ("(555) 123-4567 or 555-123-4567", "[phone] or [phone]"),
            ("030 / 1 and 0171 234 5678", "030 / 1 and [phone]"),
            ("card 4111 1111 1111 1111, thanks", "card [card], thanks"),
            ("5500-0000-0000-0004", "[card]"),
            (
                r#"{"a":"mail\nann@example.com"}"#,
                r#"{"a":"mail\n[email]"}"#,
            ),
            (
                r#"{"a":"\u0009ann@example.com"}"#,
                r#"{"a":"\u0009[email]"}"#,
            ),
            (
                r#"["card\n4111 1111 1111 1111","\n+49 30 1234567"]"#,
                r#"["card\n[card]","\n[phone]"]"#,
            ),
        ] {
            assert_eq!(redact_personal(text), expected);
        }
    }

    #[test]
    fn identifiers_dates_amounts_and_machines_are_left_alone() {
        for text in [
            "2026-11-22 08:00:00",
            "22.11.2026",
            "192.168.100.200",
            "4111 1111 1111 1112",
            "1234567890123",
            "1,234,567.89",
            "order 00012345",
            "id 550e8400-e29b-41d4-a716-446655440000",
            "version 1.2.3-4",
            "user@localhost",
            "@handle",
            "0af7651916cd43dd8448eb211c80319c",
            "3.14159265358979",
            "[4111111111111111]",
            "{\"a\":4111111111111111}",
            "",
        ] {
            assert!(
                matches!(redact_personal(text), Cow::Borrowed(same) if same == text),
                "{text}: {}",
                redact_personal(text)
            );
        }
    }
}
