//! Expectations that the recording itself shows to be wrong.
//!
//! A rule says which fact in the recording contradicts the report; no rule names a recording, so
//! that it means the same for traffic that was never seen.

use serde_json::Value;

use super::Recording;

/// A kind of expectation that is wrong.
pub(super) struct Rule {
    pub(super) reason: &'static str,
    field: &'static str,
    applies: fn(&Seen<'_>) -> bool,
}

/// What a rule looks at.
struct Seen<'r> {
    recording: &'r Recording,
    expected: &'r Value,
    actual: &'r Value,
    body: &'r str,
    /// The body, if it is one JSON document.
    document: Option<Value>,
}

/// The rule by which the report of a field is wrong, if there is one.
pub(super) fn rule(
    recording: &Recording,
    field: &str,
    expected: &Value,
    actual: &Value,
) -> Option<&'static Rule> {
    let body = recording.body();
    let body = String::from_utf8_lossy(&body);
    let seen = Seen {
        recording,
        expected,
        actual,
        body: &body,
        document: serde_json::from_str(&body).ok(),
    };
    let mut rules = RULES.iter();
    rules.find(|rule| rule.field == field && (rule.applies)(&seen))
}

const RULES: [Rule; 7] = [
    Rule {
        reason: "the body is an error envelope without choices, in a response with the status 200",
        field: "error",
        applies: |seen| {
            *seen.expected == false
                && seen.recording.status == 200
                && seen.document.as_ref().is_some_and(|document| {
                    document.pointer("/error/message").is_some()
                        && ["choices", "output", "content", "candidates"]
                            .iter()
                            .all(|content| document.get(content).is_none())
                })
        },
    },
    Rule {
        reason: "the stream is whole; a client failed on a tool call without a number",
        field: "error",
        applies: |seen| {
            seen.reports_failure()
                && !seen.body.contains("\"error\"")
                && seen.body.contains("\"tool_calls\":[{\"id\":")
                && seen.body.contains("\"finish_reason\":\"tool_calls\"")
                && seen.body.trim_end().ends_with("data: [DONE]")
        },
    },
    Rule {
        reason: "the message is whole; a client failed on the [DONE] that follows its end",
        field: "error",
        applies: |seen| {
            seen.reports_failure()
                && seen.recording.op == "messages"
                && !seen.body.contains("\"error\"")
                && seen.body.trim_end().ends_with("data: [DONE]")
                && seen.body.contains("\"type\":\"message_stop\"")
        },
    },
    Rule {
        reason: "the response is whole; a client failed on the numbers that stand for names",
        field: "error",
        applies: |seen| seen.reports_failure() && seen.has_numbers_for_names(),
    },
    Rule {
        reason: "the body counts thoughts; the client that failed on it counted none",
        field: "reasoning_output_tokens",
        applies: |seen| {
            *seen.expected == 0
                && seen.has_numbers_for_names()
                && seen
                    .body
                    .contains(&format!("\"thoughtsTokenCount\": {}", seen.actual))
        },
    },
    Rule {
        reason: "the body holds the vectors, in Ollama's form; OpenAI's client cannot read it",
        field: "error",
        applies: |seen| {
            let path = seen.recording.url.as_str();
            seen.reports_failure()
                && (path.ends_with("/api/embeddings") || path.ends_with("/api/embed"))
                && seen.document.as_ref().is_some_and(|document| {
                    document.get("embedding").is_some() || document.get("embeddings").is_some()
                })
        },
    },
    Rule {
        reason: "the body names the model that answered; the report repeats the one asked for, and \
                 for the same model's streams and for other models it agrees with the body",
        field: "response_model",
        applies: |seen| {
            let body = seen.document.as_ref();
            seen.recording.op == "bedrock.invoke"
                && body.and_then(|body| body.get("model")) == Some(seen.actual)
                && seen
                    .expected
                    .as_str()
                    .is_some_and(|model| seen.recording.url.contains(&format!("/model/{model}/")))
        },
    },
];

impl Seen<'_> {
    /// A failure was reported although the status tells of none.
    fn reports_failure(&self) -> bool {
        *self.expected == true && self.recording.status == 200
    }

    /// The request asked for the numbers of enumerations instead of their names.
    fn has_numbers_for_names(&self) -> bool {
        self.recording.url.contains("enum-encoding%3Dint")
            && self.body.contains("\"finishReason\": 1")
    }
}
