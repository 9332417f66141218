//! `POST /v1/embeddings`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::answer::tokens;

/// Dimensions of a vector where the request does not say.
const DIMENSIONS: u64 = 8;

/// The vectors; an error is a message for `OpenAI`'s error envelope.
pub(super) fn embed(request: &Value) -> Result<Value, &'static str> {
    let model = request
        .get("model")
        .and_then(Value::as_str)
        .ok_or("you must provide a model parameter")?;
    let texts: Vec<String> = match request.get("input") {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(texts)) => texts
            .iter()
            .map(|text| {
                text.as_str()
                    .map_or_else(|| text.to_string(), str::to_owned)
            })
            .collect(),
        _ => return Err("you must provide an input parameter"),
    };
    let dimensions = request
        .get("dimensions")
        .and_then(Value::as_u64)
        .unwrap_or(DIMENSIONS)
        .min(4096);
    let base64 = request.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector(text, dimensions);
            let embedding = if base64 {
                encoded(&vector)
            } else {
                json!(vector)
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let prompt_tokens: u64 = texts.iter().map(|text| tokens(text)).sum();
    Ok(json!({
        "object": "list",
        "model": model,
        "data": data,
        "usage": { "prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens },
    }))
}

/// Numbers from 0 to 1 that depend on the text: its bytes summed with a weight per dimension.
fn vector(text: &str, dimensions: u64) -> Vec<f32> {
    let component = |dimension: u64| {
        let sum = text
            .bytes()
            .fold(dimension, |sum, byte| (sum * 31 + u64::from(byte)) % 1000);
        f32::from(u16::try_from(sum).unwrap_or_default()) / 1000.0
    };
    (0..dimensions).map(component).collect()
}

/// Little-endian 32-bit floats in base64.
fn encoded(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|component| component.to_le_bytes())
        .collect();
    json!(BASE64_STANDARD.encode(bytes))
}
