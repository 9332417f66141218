//! How much of a text is kept, and the bounded collector that keeps it.

use super::{
    json_cut,
    privacy::{Mask, Redaction, redact},
};

/// How much of the content that is captured automatically leaves the process.
///
/// Set by `WARMSPAN_CONTENT` (`preview`, `full`, `off`) or [`Config::content`](crate::Config::content).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// The first 500 characters of an input or output, 200 of a system prompt, and counts.
    #[default]
    Preview,
    /// Everything, up to [`Content::MAX_CHARS`] characters a text.
    Full,
    /// Nothing: model, tokens, durations and errors only.
    Off,
}

impl Content {
    /// Characters that a preview keeps of an input or output.
    pub const PREVIEW_CHARS: usize = 500;
    /// Characters that a preview keeps of a system prompt, tool arguments or tool results.
    pub const SYSTEM_PREVIEW_CHARS: usize = 200;
    /// Characters that [`Content::Full`] keeps of one text; more would risk the whole trace.
    pub const MAX_CHARS: usize = 200_000;

    /// Characters kept of an input or output.
    pub fn max_chars(self) -> usize {
        match self {
            Self::Preview => Self::PREVIEW_CHARS,
            Self::Full => Self::MAX_CHARS,
            Self::Off => 0,
        }
    }

    /// Characters kept of a system prompt, tool arguments or a tool result.
    pub fn max_system_chars(self) -> usize {
        match self {
            Self::Preview => Self::SYSTEM_PREVIEW_CHARS,
            Self::Full => Self::MAX_CHARS,
            Self::Off => 0,
        }
    }
}

/// A text that was kept up to a limit, and how long it had been.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Captured {
    /// What was kept, free of media, keys and, if captured automatically, personal data.
    pub(crate) text: String,
    /// Characters kept; equal to `total` when nothing was left out.
    pub(crate) kept: usize,
    /// Characters there were.
    pub(crate) total: usize,
    /// A little of what follows, for a mask that must recognise what the cut halves.
    pub(super) beyond: String,
}

impl Captured {
    /// Keeps the first `limit` characters of a text that nobody explicitly gave.
    pub(crate) fn of(text: &str, limit: usize) -> Self {
        let mut capture = TextCapture::new(limit);
        capture.push(text);
        capture.finish()
    }

    /// The same of a text that nobody else needs.
    pub(crate) fn of_owned(text: String, limit: usize) -> Self {
        TextCapture::holding(text, limit, Redaction::Automatic).finish()
    }

    /// A text that was cut by its own rules.
    pub(crate) fn cut(text: String, kept: usize, total: usize) -> Self {
        Self {
            text,
            kept,
            total,
            beyond: String::new(),
        }
    }

    /// The same with at most `limit` characters kept.
    pub(crate) fn cut_to(mut self, limit: usize) -> Self {
        if self.text.chars().count() > limit {
            let at = beginning(&self.text, limit).len();
            self.beyond = self.text.split_off(at);
            self.kept = limit;
        }
        self
    }

    /// What may leave: the mask sees the text before it is cut, so that it recognises what the cut
    /// halves; a cut text says how much is missing, and cut JSON stays JSON.
    pub(crate) fn shown(self, field: &str, mask: Option<&Mask>) -> String {
        if !self.is_cut() {
            return match mask {
                Some(mask) => mask.apply(field, &self.text),
                None => self.text,
            };
        }
        let cut = self.masked_if_cut(mask.map(|mask| (field, mask)));
        let note = cut.note();
        json_cut::close(&cut.text, &note).unwrap_or(cut.text + &note)
    }

    /// A cut text as the mask leaves it.
    pub(super) fn masked_if_cut(mut self, mask: Option<(&str, &Mask)>) -> Self {
        if self.is_cut()
            && let Some((field, mask)) = mask
        {
            self.text.push_str(&self.beyond);
            self.beyond.clear();
            self.text = mask.apply(field, &self.text);
            self.text.truncate(beginning(&self.text, self.kept).len());
        }
        self
    }

    /// Whether something was left out.
    pub(crate) fn is_cut(&self) -> bool {
        self.kept < self.total
    }

    /// What to write after a cut text; empty after a complete one.
    pub(crate) fn note(&self) -> String {
        match self.total.saturating_sub(self.kept) {
            0 => String::new(),
            left_out => format!("…[+{left_out} chars]"),
        }
    }
}

/// Collects a text that arrives in pieces; holds little more than `limit` characters, counts the
/// rest.
#[derive(Clone, Debug)]
pub(crate) struct TextCapture {
    limit: usize,
    redaction: Redaction,
    text: String,
    chars: usize,
    total: usize,
}

impl TextCapture {
    /// For a text that the library captures by itself.
    pub(crate) fn new(limit: usize) -> Self {
        Self::with(limit, Redaction::Automatic)
    }

    pub(crate) fn with(limit: usize, redaction: Redaction) -> Self {
        Self {
            limit,
            redaction,
            text: String::new(),
            chars: 0,
            total: 0,
        }
    }

    /// For a text that is there already, which is taken over if it fits.
    pub(crate) fn holding(text: String, limit: usize, redaction: Redaction) -> Self {
        let mut capture = Self::with(limit, redaction);
        let chars = text.chars().count();
        if chars <= capture.room() {
            capture.text = text;
            capture.chars = chars;
            capture.total = chars;
        } else {
            capture.push(&text);
        }
        capture
    }

    /// Adds a piece of text. Never splits a character.
    pub(crate) fn push(&mut self, piece: &str) {
        let chars = piece.chars().count();
        self.total += chars;
        let room = self.room();
        if chars <= room {
            self.text.push_str(piece);
            self.chars += chars;
        } else if room > 0 {
            self.text.push_str(beginning(piece, room));
            self.chars += room;
        }
    }

    /// Adds to the count of characters without keeping any.
    pub(crate) fn skip(&mut self, chars: usize) {
        self.total += chars;
    }

    /// Characters there were.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.text.capacity()
    }

    /// Whether no further character will be kept.
    pub(crate) fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// Redacts, then cuts: what the cut would halve is still recognised.
    pub(crate) fn finish(self) -> Captured {
        let text = redact(self.text, self.redaction);
        if self.total <= self.limit {
            return Captured {
                text,
                kept: self.total,
                total: self.total,
                beyond: String::new(),
            };
        }
        // Where the text was cut before it was redacted, its end may be half of a secret.
        let whole = if self.total > self.chars { MARGIN } else { 0 };
        let kept = text.chars().count().saturating_sub(whole).min(self.limit);
        Captured {
            text,
            kept,
            total: self.total,
            beyond: String::new(),
        }
        .cut_to(kept)
    }

    fn room(&self) -> usize {
        let held = if self.limit == 0 {
            0
        } else {
            self.limit.saturating_add(MARGIN)
        };
        held.saturating_sub(self.chars)
    }
}

/// Characters held beyond the limit, so that a key at the cut is recognised.
const MARGIN: usize = 64;

/// The first `chars` characters of `text`.
pub(super) fn beginning(text: &str, chars: usize) -> &str {
    let end = text
        .char_indices()
        .nth(chars)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        let captured = Captured::of("añb€c", 4);
        assert_eq!(
            (captured.text.as_str(), captured.kept, captured.total),
            ("añb€", 4, 5)
        );
        assert!(captured.is_cut());
    }

    #[test]
    fn pieces_add_up_to_the_limit_and_the_rest_is_counted() {
        let mut capture = TextCapture::new(5);
        for piece in ["ab", "cd", "ef", "gh"].repeat(20) {
            capture.push(piece);
        }
        capture.skip(100);
        let captured = capture.finish();
        assert_eq!(
            (captured.text.as_str(), captured.kept, captured.total),
            ("abcde", 5, 260)
        );
    }

    #[test]
    fn little_more_than_the_limit_is_held() {
        let mut capture = TextCapture::new(5);
        for _ in 0..1000 {
            capture.push("0123456789");
        }
        assert!(capture.is_full());
        assert_eq!(capture.text.len(), 5 + MARGIN);
    }

    #[test]
    fn a_key_at_the_cut_is_redacted_and_not_halved() {
        let captured = Captured::of("the key is sk-proj-0123456789abcdef", 16);
        assert_eq!(captured.text, "the key is [reda");
        assert!(captured.is_cut());
    }

    #[test]
    fn what_redaction_shortens_brings_no_half_secret_into_view() {
        let image = format!("data:image/png;base64,{} ", "A".repeat(40));
        let text = format!("{image}and the key sk-proj-{}", "x".repeat(200));
        let captured = Captured::of(&text, 60);
        assert!(
            captured.is_cut() && !captured.text.contains("sk-"),
            "{captured:?}"
        );
    }

    #[test]
    fn off_keeps_nothing_and_still_counts() {
        let captured = Captured::of("text", 0);
        assert_eq!((captured.text.as_str(), captured.total), ("", 4));
    }
}
