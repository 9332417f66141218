//! Media inside of texts: replaced by type and size.

use std::borrow::Cow;

/// Replaces `data:` URIs with base64 content (RFC 2397) by `<type, size>`.
pub(super) fn strip(text: &str) -> Cow<'_, str> {
    // Most texts that are short have no colon.
    if !text.as_bytes().contains(&b':') {
        return Cow::Borrowed(text);
    }
    super::replace(text, |from| {
        // A colon is found quicker than a word, and most texts have none.
        text.get(from..)?.match_indices(':').find_map(|(colon, _)| {
            let colon = from + colon;
            let start = from + text.get(from..colon)?.strip_suffix("data")?.len();
            let (end, described) = data_uri(text, start)?;
            Some((start, end, described.into()))
        })
    })
}

/// The end of the data URI that begins at `start`, and what stands for it.
fn data_uri(text: &str, start: usize) -> Option<(usize, String)> {
    const MARK: &str = ";base64,";
    let after_scheme = text.get(start + "data:".len()..)?;
    let header = after_scheme
        .bytes()
        .take(MAX_HEADER)
        .take_while(|byte| is_header(*byte))
        .count();
    let header = after_scheme.get(..header)?;
    // The comma belongs to the mark and to no header.
    let kind = header
        .strip_suffix(MARK.trim_end_matches(','))?
        .split(';')
        .next()?;
    let content = after_scheme.get(header.len()..)?.strip_prefix(',')?;
    let length = content.bytes().take_while(|byte| is_base64(*byte)).count();
    let end = start + "data:".len() + header.len() + 1 + length;
    let kind = if kind.is_empty() { "text/plain" } else { kind };
    let is_whole = end < text.len();
    let about = if is_whole { "" } else { "at least " };
    Some((end, format!("<{kind}, {about}{} bytes>", length * 3 / 4)))
}

/// Types are shorter than this.
const MAX_HEADER: usize = 128;

fn is_header(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'+' | b'-' | b'=' | b';' | b'_')
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_uris_become_type_and_size() {
        for (text, expected) in [
            (
                "see data:image/png;base64,AAAABBBB, please",
                "see <image/png, 6 bytes>, please",
            ),
            (
                "{\"url\":\"data:audio/wav;base64,AAAA\"}",
                "{\"url\":\"<audio/wav, 3 bytes>\"}",
            ),
            (
                "data:;base64,AAAA data:image/svg+xml;charset=utf-8;base64,AAAA.",
                "<text/plain, 3 bytes> <image/svg+xml, 3 bytes>.",
            ),
            (
                "cut data:image/png;base64,AAAABBBB",
                "cut <image/png, at least 6 bytes>",
            ),
        ] {
            assert_eq!(strip(text), expected);
        }
    }

    #[test]
    fn other_data_is_left_alone() {
        for text in [
            "data: none",
            "metadata:image/png",
            "data:text/plain,hello",
            "data:",
            "data:é;base64,AAAA",
        ] {
            assert!(matches!(strip(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
