//! What the function said of its flushes, on standard error, because `LANGFUSE_DEBUG` is on.

use warmspan::testkit::lambda::LogLine;

/// One flush, as the function told of it.
pub(crate) struct Flush {
    /// The trace that was flushed.
    pub(crate) trace: String,
    /// Everything after the trace's id.
    pub(crate) told: String,
    /// Spans that it kept for the next one.
    pub(crate) kept: usize,
}

/// All flushes, in order. A skipped one names no trace.
pub(crate) fn flushes(logs: &[LogLine]) -> Vec<Flush> {
    logs.iter()
        .filter_map(|line| {
            let text = line.text.strip_prefix("warmspan: flush ")?;
            let (trace, told) = match text.strip_prefix("of trace ") {
                Some(text) => text.split_once(": ")?,
                None => ("", text),
            };
            let kept = told
                .split(", ")
                .find_map(|part| {
                    part.strip_suffix(" kept for the next flush")
                        .or_else(|| part.split_once(" kept for").map(|(n, _)| n))
                })
                .and_then(|count| count.parse().ok())
                .unwrap_or(0);
            Some(Flush {
                trace: trace.to_owned(),
                told: told.to_owned(),
                kept,
            })
        })
        .collect()
}
