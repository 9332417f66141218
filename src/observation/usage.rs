//! Token counts in the disjoint buckets that Langfuse adds up.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};

/// Token counts of one model call, in tokens.
///
/// Langfuse treats every key as a bucket of its own and sums them, so the buckets must not
/// overlap: `input` excludes cached tokens, `output` excludes reasoning tokens.
///
/// ```
/// use warmspan::Usage;
///
/// let usage = Usage::new().input(20).with("input_cached_tokens", 5).output(10);
/// assert_eq!(serde_json::to_string(&usage)?, r#"{"input":20,"input_cached_tokens":5,"output":10}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    buckets: Vec<(Cow<'static, str>, u64)>,
}

impl Usage {
    /// No bucket at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Uncached input tokens.
    #[must_use]
    pub fn input(self, tokens: u64) -> Self {
        self.with("input", tokens)
    }

    /// Output tokens without those in other output buckets.
    #[must_use]
    pub fn output(self, tokens: u64) -> Self {
        self.with("output", tokens)
    }

    /// All tokens. Without it Langfuse sums the buckets.
    #[must_use]
    pub fn total(self, tokens: u64) -> Self {
        self.with("total", tokens)
    }

    /// A bucket of any name, for instance `input_cached_tokens` or `output_reasoning_tokens`.
    /// A name given twice keeps the later count.
    #[must_use]
    pub fn with(mut self, bucket: impl Into<Cow<'static, str>>, tokens: u64) -> Self {
        let bucket = bucket.into();
        match self.buckets.iter_mut().find(|(name, _)| *name == bucket) {
            Some((_, count)) => *count = tokens,
            None => self.buckets.push((bucket, tokens)),
        }
        self
    }

    /// The count in `bucket`, in tokens.
    pub fn get(&self, bucket: &str) -> Option<u64> {
        self.buckets
            .iter()
            .find(|(name, _)| name == bucket)
            .map(|&(_, count)| count)
    }

    /// The sum of the buckets whose names begin with `prefix`, in tokens. None if there is none.
    pub(crate) fn sum_of(&self, prefix: &str) -> Option<u64> {
        self.buckets
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|&(_, count)| count)
            .reduce(u64::saturating_add)
    }

    /// Whether no bucket was given.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.buckets.len()))?;
        for (bucket, tokens) in &self.buckets {
            // The server takes integers that JavaScript holds exactly.
            map.serialize_entry(bucket, tokens.min(&MAX_TOKENS))?;
        }
        map.end()
    }
}

const MAX_TOKENS: u64 = (1 << 53) - 1;
