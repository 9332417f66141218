//! How much of a text is kept, and the bounded collector that keeps it.

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
    /// What was kept.
    pub(crate) text: String,
    /// Characters kept.
    pub(crate) kept: usize,
    /// Characters there were.
    pub(crate) total: usize,
}

impl Captured {
    /// Keeps the first `limit` characters of `text`.
    pub(crate) fn of(text: &str, limit: usize) -> Self {
        let mut capture = TextCapture::new(limit);
        capture.push(text);
        capture.finish()
    }

    /// Whether something was left out.
    pub(crate) fn is_cut(&self) -> bool {
        self.kept < self.total
    }
}

/// Collects a text that arrives in pieces; holds at most `limit` characters, counts the rest.
#[derive(Clone, Debug)]
pub(crate) struct TextCapture {
    limit: usize,
    captured: Captured,
}

impl TextCapture {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, captured: Captured::default() }
    }

    /// Adds a piece of text. Never splits a character.
    pub(crate) fn push(&mut self, piece: &str) {
        let chars = piece.chars().count();
        let room = self.limit - self.captured.kept;
        if chars <= room {
            self.captured.text.push_str(piece);
            self.captured.kept += chars;
        } else if room > 0 {
            let end = piece.char_indices().nth(room).map_or(piece.len(), |(at, _)| at);
            self.captured.text.push_str(piece.get(..end).unwrap_or_default());
            self.captured.kept += room;
        }
        self.captured.total += chars;
    }

    /// Adds to the count of characters without keeping any.
    pub(crate) fn skip(&mut self, chars: usize) {
        self.captured.total += chars;
    }

    /// Whether no further character will be kept.
    pub(crate) fn is_full(&self) -> bool {
        self.captured.kept >= self.limit
    }

    pub(crate) fn finish(self) -> Captured {
        self.captured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        let captured = Captured::of("añb€c", 4);
        assert_eq!((captured.text.as_str(), captured.kept, captured.total), ("añb€", 4, 5));
        assert!(captured.is_cut());
    }

    #[test]
    fn pieces_add_up_to_the_limit_and_the_rest_is_counted() {
        let mut capture = TextCapture::new(5);
        for piece in ["ab", "cd", "ef", "gh"] {
            capture.push(piece);
        }
        assert!(capture.is_full());
        let captured = capture.finish();
        assert_eq!((captured.text.as_str(), captured.kept, captured.total), ("abcde", 5, 8));
    }
}
