//! What the function writes.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write;

use crate::testkit::Moment;
use crate::testkit::shared::Shared;

/// So many lines are kept; the oldest go first.
const KEPT: usize = 10_000;

/// A line that the function wrote.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogLine {
    /// When the emulator read it. Lines written in the same moment may be read out of order between
    /// the streams.
    pub at: Moment,
    /// Where it was written.
    pub stream: Stream,
    /// The line without its end. Bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The last lines, and the writer that gets a copy.
#[derive(Clone)]
pub(crate) struct Log {
    lines: Shared<VecDeque<LogLine>>,
    copy: Shared<Option<Box<dyn Write + Send>>>,
}

impl Log {
    pub(crate) fn new(copy: Option<Box<dyn Write + Send>>) -> Self {
        Self {
            lines: Shared::default(),
            copy: Shared::new(copy),
        }
    }

    pub(crate) fn push(&self, stream: Stream, text: String) {
        if let Some(copy) = self.copy.lock().as_mut() {
            // A copy that cannot be written is the writer's loss; the line is kept here.
            writeln!(copy, "{text}").ok();
        }
        let mut lines = self.lines.lock();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(LogLine {
            at: Moment::now(),
            stream,
            text,
        });
    }

    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.lines.lock().iter().cloned().collect()
    }

    /// The last few lines as one text.
    pub(crate) fn tail(&self) -> String {
        let lines = self.lines.lock();
        let tail: Vec<&str> = lines
            .iter()
            .skip(lines.len().saturating_sub(20))
            .map(|line| line.text.as_str())
            .collect();
        if tail.is_empty() {
            "(it wrote nothing)".to_owned()
        } else {
            tail.join("\n")
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}
