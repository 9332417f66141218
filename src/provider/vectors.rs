//! What is kept of embeddings: how many there are and how long they are, never the vectors.

use serde::de::IgnoredAny;
use serde_json::{json, value::RawValue};

use super::{extract::Draft, fields::Fields};

/// Objects around a vector: Vertex AI's predictions have the most, two.
const MAX_DEPTH: usize = 3;

/// Counts the vectors of a response and takes the length of the first.
pub(super) fn summarise(vectors: &[&RawValue], draft: &mut Draft) {
    if let Some(first) = vectors.first() {
        draft.has_content = true;
        draft.output.summarise(json!({
            "embeddings": vectors.len(),
            "dimensions": dimensions(first, MAX_DEPTH),
        }));
    }
}

/// The length of a vector: numbers, 32-bit floats in base 64, or at most `depth` objects, one in
/// the other, that hold them.
fn dimensions(item: &RawValue, depth: usize) -> Option<usize> {
    let text = item.get();
    if let Some(encoded) = text.strip_prefix('"') {
        let digits = encoded.trim_end_matches(['"', '=']).len();
        return Some(digits * 3 / 16);
    }
    if text.starts_with('{') {
        let depth = depth.checked_sub(1)?;
        let item = Fields::parse(text.as_bytes())?;
        // The last is Vertex AI's, one level deeper.
        let inner = ["embedding", "values", "embeddings"]
            .into_iter()
            .find_map(|name| item.raw(name))?;
        return dimensions(inner, depth);
    }
    serde_json::from_str::<Vec<IgnoredAny>>(text)
        .ok()
        .map(|vector| vector.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(json: &str) -> Option<usize> {
        dimensions(&RawValue::from_string(json.to_owned()).unwrap(), MAX_DEPTH)
    }

    #[test]
    fn every_form_of_a_vector() {
        assert_eq!(length("[0.5, 1]"), Some(2));
        assert_eq!(length(r#"{"embedding":"AAAAAAAAAAA="}"#), Some(2));
        assert_eq!(length(r#"{"embeddings":{"values":[1,2,3]}}"#), Some(3));
        assert_eq!(length(r#"{"statistics":{}}"#), None);
    }

    #[test]
    fn objects_around_objects_are_not_followed_without_end() {
        let nested = |levels: usize| {
            let (open, close) = ("{\"values\":".repeat(levels), "}".repeat(levels));
            length(&format!("{open}[1]{close}"))
        };
        assert_eq!(nested(MAX_DEPTH), Some(1));
        assert_eq!(nested(MAX_DEPTH + 1), None);
        assert_eq!(nested(100_000), None);
    }
}
