//! What the function said of its flushes, on standard error, because `LANGFUSE_DEBUG` is on.

use warmspan::testkit::lambda::LogLine;

/// One flush, as the function told of it.
pub(crate) struct Flush {
    /// The trace that was flushed.
    pub(crate) trace: String,
    /// What became of it.
    pub(crate) told: String,
    /// Spans that waited for the next flush, those of earlier invocations included.
    pub(crate) waiting: usize,
}

/// All flushes, in order.
pub(crate) fn flushes(logs: &[LogLine]) -> Vec<Flush> {
    logs.iter().filter_map(|line| flush(&line.text)).collect()
}

/// Reads `flush of trace 0af7...: 0 spans delivered, 3 kept for the next flush (6 waiting in all) in 0.6 ms`.
fn flush(line: &str) -> Option<Flush> {
    let (trace, told) = line
        .strip_prefix("warmspan: flush of trace ")?
        .split_once(": ")?;
    let before = |words: &str| {
        let (count, _) = told.split_once(words)?;
        count.rsplit([' ', '(']).next()?.parse().ok()
    };
    let waiting = before(" waiting in all")
        .or_else(|| before(" kept for the next flush"))
        .unwrap_or(0);
    Some(Flush {
        trace: trace.to_owned(),
        told: told.to_owned(),
        waiting,
    })
}
