//! A body that is read as a whole, kept up to a limit.

use serde_json::Value;

/// Bytes kept of a response that is one JSON document.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;
/// Bytes kept of the body of a response with an error status.
pub(super) const MAX_ERROR_BODY: usize = 64 * 1024;
/// Bytes kept of the beginning and of the end of a body beyond its limit.
const MAX_SCRAP: usize = 64 * 1024;

/// Collects a body. Past the limit only its two ends stay.
#[derive(Debug)]
pub(crate) struct BodyBuffer {
    limit: usize,
    head: Vec<u8>,
    /// The end of a body beyond the limit.
    tail: Option<Vec<u8>>,
}

impl BodyBuffer {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            head: Vec::new(),
            tail: None,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.tail.is_none() && self.head.len() + bytes.len() > self.limit {
            let from = self.head.len().saturating_sub(MAX_SCRAP);
            self.tail = Some(self.head.get(from..).unwrap_or_default().to_vec());
            let room = MAX_SCRAP.min(self.limit).saturating_sub(self.head.len());
            self.head
                .extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
            self.head.truncate(MAX_SCRAP);
            self.head.shrink_to_fit();
        }
        match &mut self.tail {
            None => self.head.extend_from_slice(bytes),
            Some(tail) => {
                let from = bytes.len().saturating_sub(MAX_SCRAP);
                tail.extend_from_slice(bytes.get(from..).unwrap_or_default());
                let excess = tail.len().saturating_sub(MAX_SCRAP);
                tail.drain(..excess);
            }
        }
    }

    /// The whole body, or its beginning if it was beyond the limit.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.head
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.head.capacity() + self.tail.as_ref().map_or(0, Vec::capacity)
    }

    /// Whether the body was beyond the limit.
    pub(crate) fn is_cut(&self) -> bool {
        self.tail.is_some()
    }

    /// The value that follows `"key":` in what is left of a body that cannot be parsed: near its
    /// end, or else near its beginning.
    pub(crate) fn scrap(&self, key: &str) -> Option<Value> {
        let key = format!("\"{key}\"");
        let tail = self.tail.as_deref().unwrap_or_default();
        let head = self.head.get(..MAX_SCRAP).unwrap_or(&self.head);
        [tail, head]
            .into_iter()
            .find_map(|text| value_after(&key, text))
    }
}

fn value_after(key: &str, text: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(text);
    text.rmatch_indices(key).find_map(|(at, _)| {
        let rest = text.get(at + key.len()..)?.trim_start().strip_prefix(':')?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        values.next()?.ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_the_two_ends_stay_and_still_tell_model_and_usage() {
        let mut body = BodyBuffer::new(MAX_BODY);
        body.push(br#"{"model": "m", "data":["#);
        let filler = vec![b'1'; 300_000];
        for _ in 0..20 {
            body.push(&filler);
            assert!(body.head.len() <= MAX_BODY);
        }
        body.push(br#"],"usage":{"prompt_tokens":7}}"#);
        assert!(body.is_cut());
        assert!(body.head.len() + body.tail.as_ref().map_or(0, Vec::len) <= 2 * MAX_SCRAP);
        assert_eq!(body.scrap("model"), Some("m".into()));
        assert_eq!(
            body.scrap("usage"),
            Some(serde_json::json!({ "prompt_tokens": 7 }))
        );
        assert_eq!(body.scrap("id"), None);
    }
}
