//! What is kept of embeddings: how many there are and how long they are, never the vectors.

use serde::de::IgnoredAny;
use serde_json::{json, value::RawValue};

use super::{extract::Draft, fields::Fields};

/// Counts the vectors of a response and takes the length of the first.
pub(super) fn summarise(vectors: &[&RawValue], draft: &mut Draft) {
    if let Some(first) = vectors.first() {
        draft.has_content = true;
        draft.output.summarise(json!({
            "embeddings": vectors.len(),
            "dimensions": dimensions(first),
        }));
    }
}

/// The length of a vector: numbers, 32-bit floats in base 64, or an object that holds them.
fn dimensions(item: &RawValue) -> Option<usize> {
    let text = item.get();
    if let Some(encoded) = text.strip_prefix('"') {
        let digits = encoded.trim_end_matches(['"', '=']).len();
        return Some(digits * 3 / 16);
    }
    if text.starts_with('{') {
        let item = Fields::parse(text.as_bytes())?;
        // The last is Vertex AI's, one level deeper.
        let inner = ["embedding", "values", "embeddings"]
            .into_iter()
            .find_map(|name| item.raw(name))?;
        return dimensions(inner);
    }
    serde_json::from_str::<Vec<IgnoredAny>>(text)
        .ok()
        .map(|vector| vector.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(json: &str) -> Option<usize> {
        dimensions(&RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn every_form_of_a_vector() {
        assert_eq!(length("[0.5, 1]"), Some(2));
        assert_eq!(length(r#"{"embedding":"AAAAAAAAAAA="}"#), Some(2));
        assert_eq!(length(r#"{"embeddings":{"values":[1,2,3]}}"#), Some(3));
        assert_eq!(length(r#"{"statistics":{}}"#), None);
    }
}
