//! Removes keys and bearer tokens from texts that leave the process.

use std::borrow::Cow;

use super::REDACTED;

/// Replaces API keys and bearer tokens in `text`; borrows when there is none.
///
/// A key is known by its issuer's prefix followed by at least [`MIN_KEY_CHARS`] key characters;
/// a token by the word `Bearer` or `Basic` before it.
pub(crate) fn redact_keys(text: &str) -> Cow<'_, str> {
    if !has_long_run(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    super::replace(text, |from| {
        let mut at = from;
        while at < text.len() {
            if let Some((start, end)) = secret_at(text, at) {
                return Some((start, end, REDACTED.into()));
            }
            at = next_word(text, at);
        }
        None
    })
}

/// Prefixes by which issuers mark their secrets: OpenAI, Anthropic and Langfuse (`sk-`), Langfuse
/// public keys, AWS access keys, Google, GitHub, Slack, Groq, xAI, Hugging Face, Stripe,
/// Perplexity, GitLab; and JSON Web Tokens.
const PREFIXES: &[&str] = &[
    "sk-",
    "pk-lf-",
    "AKIA",
    "ASIA",
    "AIza",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "gsk_",
    "xai-",
    "hf_",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "pplx-",
    "glpat-",
    // A JSON Web Token: a base64url object.
    "eyJ",
];

/// Words after which a credential follows.
const SCHEMES: &[&str] = &["Bearer ", "bearer ", "Basic ", "basic "];

/// What the prefixes and words begin with, as few words do: most need no closer look.
const INITIALS: [char; 10] = ['A', 'B', 'b', 'e', 'g', 'h', 'p', 'r', 's', 'x'];

/// Shorter runs after a prefix are words, not keys.
const MIN_KEY_CHARS: usize = 12;

/// The byte range of the secret that begins at the word that begins at `at`.
fn secret_at(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    if !rest.starts_with(INITIALS) {
        return None;
    }
    if let Some(scheme) = SCHEMES.iter().find(|scheme| rest.starts_with(**scheme)) {
        let start = at + scheme.len();
        let length = key_length(text.get(start..)?);
        return (length >= MIN_KEY_CHARS).then_some((start, start + length));
    }
    let prefix = PREFIXES.iter().find(|prefix| rest.starts_with(**prefix))?;
    let length = key_length(rest);
    (length >= prefix.len() + MIN_KEY_CHARS).then_some((at, at + length))
}

/// Whether some run of key characters is as long as a key, as none is in most texts. Such a run
/// covers one of every [`MIN_KEY_CHARS`]th bytes, so the others are not looked at.
fn has_long_run(text: &[u8]) -> bool {
    let in_key = |byte: &&u8| is_in_key(**byte);
    let mut at = MIN_KEY_CHARS - 1;
    while at < text.len() {
        let (before, after) = text.split_at(at);
        let ahead = after.iter().take_while(in_key).count();
        if ahead > 0 && ahead + before.iter().rev().take_while(in_key).count() >= MIN_KEY_CHARS {
            return true;
        }
        at += MIN_KEY_CHARS;
    }
    false
}

/// The number of bytes of `text`'s leading run of characters that occur in keys.
fn key_length(text: &str) -> usize {
    text.bytes().take_while(|byte| is_in_key(*byte)).count()
}

#[inline]
fn is_in_key(byte: u8) -> bool {
    IN_KEY.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Which bytes occur in keys. Every text that leaves is looked at, so the answer is ready. OpenAI
/// echoes keys with the middle starred out; the stars belong to the key.
static IN_KEY: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        #[expect(clippy::indexing_slicing, reason = "it is below the length")]
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        {
            let character = byte as u8;
            table[byte] = character.is_ascii_alphanumeric()
                || matches!(
                    character,
                    b'-' | b'_' | b'.' | b'*' | b'+' | b'/' | b'=' | b'~'
                );
        }
        byte += 1;
    }
    table
};

/// Where the next word begins: a key is found only at a word's start. In JSON the letter of an
/// escape, such as the `n` of a line break, belongs to no word.
fn next_word(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let mut in_word = true;
    let mut skip = 0_u8;
    let mut after_backslash = false;
    for (offset, byte) in rest.bytes().enumerate() {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        if after_backslash {
            after_backslash = false;
            in_word = false;
            match byte {
                b'n' | b'r' | b't' | b'b' | b'f' => continue,
                b'u' => {
                    skip = 4;
                    continue;
                }
                _ => {}
            }
        }
        after_backslash = byte == b'\\';
        let is_part = byte.is_ascii_alphanumeric();
        if is_part && !in_word {
            return at + offset;
        }
        in_word = is_part;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_bearer_tokens_are_replaced_and_the_rest_is_kept() {
        for (text, expected) in [
            (
                "Incorrect API key provided: sk-proj-abcd****************wxyz. See",
                "Incorrect API key provided: [redacted] See",
            ),
            (
                "Authorization: Bearer eyJhbGciOi.abc-def_ghi",
                "Authorization: Bearer [redacted]",
            ),
            (
                "{\"key\":\"sk-lf-12345678-9abc\"}",
                "{\"key\":\"[redacted]\"}",
            ),
            ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
            ("éAKIAIOSFODNN7EXAMPLE", "é[redacted]"),
            (
                r#"{"a":"my key:\nsk-proj-abcdefghijklmnop"}"#,
                r#"{"a":"my key:\n[redacted]"}"#,
            ),
            (
                r#"["curl\r\n\u0009Bearer abcdefghijklmnop"]"#,
                r#"["curl\r\n\u0009Bearer [redacted]"]"#,
            ),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[redacted]"),
        ] {
            assert_eq!(redact_keys(text), expected);
        }
    }

    #[test]
    fn a_long_run_is_seen_wherever_it_begins() {
        for before in 0..40 {
            for length in 0..30 {
                let text = [" ".repeat(before), "k".repeat(length), " ab cd".to_owned()].concat();
                let expected = length >= MIN_KEY_CHARS;
                assert_eq!(has_long_run(text.as_bytes()), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn the_initials_are_those_of_every_prefix_and_word() {
        for text in PREFIXES.iter().chain(SCHEMES) {
            assert!(text.starts_with(INITIALS), "{text}");
        }
    }

    #[test]
    fn ordinary_words_are_left_alone_without_a_copy() {
        for text in [
            "a risk-free task-list",
            "bearer of bad news",
            "sk-short",
            "",
            "naïve – ünïcode",
        ] {
            assert!(
                matches!(redact_keys(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }
}
