//! Legacy text completions.

use serde_json::Value;

use super::chat::{read_deferred, read_members, skip};
use crate::provider::{
    decode::Event,
    extract::{Draft, Extract},
    fields::Fields,
    input::Input,
};

/// Reads text completions.
#[derive(Debug)]
pub(in crate::provider) struct CompletionExtractor;

impl Extract for CompletionExtractor {
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, _: &mut Draft) {
        match request.value("prompt") {
            prompt @ Value::String(_) => input.message(prompt),
            Value::Array(prompts) => {
                for prompt in prompts {
                    // Prompts may be token numbers, which say nothing to a reader.
                    if prompt.is_string() {
                        input.message(prompt);
                    }
                }
            }
            _ => {}
        }
    }

    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft) {
        read_members(|name| response.value(name), draft);
    }

    fn event(&mut self, event: Event<'_>, draft: &mut Draft) {
        if event.data.trim() == "[DONE]" {
            draft.done = true;
        } else if !skip(event.data, "text", draft) {
            let Some(chunk) = event.json() else {
                return;
            };
            read_members(|name| chunk.get(name).cloned().unwrap_or_default(), draft);
        }
    }

    fn deferred(&mut self, event: Event<'_>, draft: &mut Draft) {
        read_deferred(event, draft);
    }
}
