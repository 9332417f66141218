//! The request's model parameters, without anything that could be content.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::fields::Fields;

/// Longest parameter that is kept, in bytes of JSON.
const MAX_LEN: usize = 512;

/// Parameters whose value is a text or a structure. Any other name passes with a number or a
/// boolean only: those cannot be content.
const STRUCTURED: [&str; 45] = [
    "agent",
    "container",
    "context_management",
    "embeddingTypes",
    "embedding_types",
    "encoding_format",
    "format",
    "include",
    "input_type",
    "keep_alive",
    "logit_bias",
    "modalities",
    "outputConfig",
    "output_config",
    "output_dtype",
    "performanceConfig",
    "prediction_type",
    "prompt_cache_retention",
    "provider",
    "reasoning",
    "reasoning_effort",
    "reasoning_format",
    "responseMimeType",
    "responseModalities",
    "response_format",
    "search_context_size",
    "serviceTier",
    "service_tier",
    "stop",
    "stopSequences",
    "stop_sequences",
    "stream_options",
    "taskType",
    "task_type",
    "text",
    "think",
    "thinking",
    "thinkingConfig",
    "thinking_level",
    "toolChoice",
    "toolConfig",
    "tool_choice",
    "truncate",
    "truncation",
    "verbosity",
];

/// Parameters that are content, or hold some: nothing but their type stays without content.
const CONTENT: [&str; 10] = [
    "format",
    "outputConfig",
    "output_config",
    "response_format",
    "stop",
    "stopSequences",
    "stop_sequences",
    "text",
    "toolConfig",
    "tool_choice",
];

/// Names and values, in the order in which the request gives them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parameters(Vec<(String, Value)>);

impl Parameters {
    pub(crate) fn of(request: &Fields<'_>) -> Self {
        let mut parameters = Self::default();
        parameters.add(request);
        parameters
    }

    /// Adds the parameters of an object inside of the request.
    pub(crate) fn add(&mut self, request: &Fields<'_>) {
        for (name, raw) in request.iter() {
            let raw = raw.get();
            let scalar = !raw.starts_with(['"', '[', '{']) && raw != "null";
            if !scalar && !STRUCTURED.contains(&name) {
                continue;
            }
            let Ok(value) = serde_json::from_str::<Value>(raw) else {
                continue;
            };
            match value {
                Value::Null => {}
                // What to say, not how to say it.
                Value::String(_) if name == "text" => {}
                value if raw.len() <= MAX_LEN => self.set(name, value),
                value => {
                    if let Some(kind) = format_type(&value) {
                        self.set(name, kind);
                    }
                }
            }
        }
    }

    /// Adds the members of the request's member `name`.
    pub(crate) fn add_of(&mut self, request: &Fields<'_>, name: &str) {
        let options = request
            .raw(name)
            .and_then(|raw| Fields::parse(raw.get().as_bytes()));
        if let Some(options) = options {
            self.add(&options);
        }
    }

    /// Leaves out what could be content: stop sequences, formats beyond their type, tools.
    pub(crate) fn without_content(&mut self) {
        let parameters = std::mem::take(&mut self.0);
        self.0 = parameters
            .into_iter()
            .filter_map(|(name, value)| {
                if !CONTENT.contains(&name.as_str()) {
                    return Some((name, value));
                }
                format_type(&value).map(|kind| (name, kind))
            })
            .collect();
    }

    /// Sets a parameter; one that is there already keeps its place.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Parameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// What is left of a `response_format` or `text` with a long schema: its type.
fn format_type(value: &Value) -> Option<Value> {
    let kind = value
        .get("type")
        .or_else(|| value.pointer("/format/type"))
        .filter(|kind| kind.is_string())?;
    Some(serde_json::json!({ "type": kind }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_the_requests_order_and_leave_content_behind() {
        let request = br#"{"temperature":0.5,"messages":[1],"stop":["a"],"n":2,"user":"u@x.y",
            "model":"m","made_up":true,"seed":null}"#;
        let mut parameters = Parameters::of(&Fields::parse(request).unwrap_or_default());
        parameters.set("service_tier", "flex".into());
        let json = serde_json::to_string(&parameters).unwrap_or_default();
        assert_eq!(
            json,
            r#"{"temperature":0.5,"stop":["a"],"n":2,"made_up":true,"service_tier":"flex"}"#
        );
    }

    #[test]
    fn without_content_no_text_of_the_callers_stays() {
        let request =
            br#"{"stop":["hush"],"text":"hush","n":2,"format":{"type":"object","a":"hush"},
            "response_format":{"type":"json_schema","json_schema":{"name":"hush"}},
            "reasoning":{"effort":"low"}}"#;
        let mut parameters = Parameters::of(&Fields::parse(request).unwrap_or_default());
        parameters.without_content();
        let json = serde_json::to_string(&parameters).unwrap_or_default();
        assert_eq!(
            json,
            r#"{"n":2,"format":{"type":"object"},"response_format":{"type":"json_schema"},"reasoning":{"effort":"low"}}"#
        );
    }
}
