//! Why a call failed, read from the error envelopes that the providers send.

use std::borrow::Cow;

use serde_json::Value;

use super::fields::text;
use crate::observation::Captured;

/// Characters kept of an error message.
const MESSAGE_CHARS: usize = 500;

/// An error of a model call: a low-cardinality type and a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The provider's type, status or code; else the HTTP status; else the class of the
    /// transport error.
    pub(crate) kind: String,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: impl Into<String>, message: &str) -> Self {
        Self {
            kind: kind.into(),
            message: Captured::of(&without_queries(message), MESSAGE_CHARS).text,
        }
    }

    /// Reads the body of a response with an error status.
    pub(crate) fn of_response(status: u16, body: &[u8]) -> Self {
        let envelope: Value = serde_json::from_slice(body).unwrap_or_default();
        // Gemini's streamed errors come as the only element of an array.
        let envelope = envelope.get(0).unwrap_or(&envelope);
        Self::of_envelope(envelope, Some(status)).unwrap_or_else(|| {
            let text = String::from_utf8_lossy(body);
            let text = text.trim();
            let text = if text.is_empty() {
                "the response had no body"
            } else {
                text
            };
            Self::new(status.to_string(), text)
        })
    }

    /// Reads an envelope, wherever it was found: the body of a response or an event of a stream.
    /// None if it holds no error.
    pub(crate) fn of_envelope(envelope: &Value, status: Option<u16>) -> Option<Self> {
        let error = match envelope.get("error").filter(|error| !error.is_null()) {
            Some(Value::String(message)) => {
                let kind = kind_of(envelope).or_else(|| status.map(|status| status.to_string()));
                return Some(Self::new(kind.unwrap_or_else(other), message));
            }
            Some(error) => error,
            None => envelope,
        };
        let message = match error.get("message").or_else(|| error.get("detail"))? {
            Value::String(message) => message.clone(),
            Value::Null => return None,
            structure => structure.to_string(),
        };
        let kind = kind_of(error)
            .or_else(|| status.map(|status| status.to_string()))
            .unwrap_or_else(other);
        Some(Self::new(kind, &message))
    }
}

/// The same without what follows the paths of URLs: some providers take their keys there.
fn without_queries(message: &str) -> Cow<'_, str> {
    const AFTER_URL: [char; 6] = ['"', '\'', '<', '>', '`', '\\'];
    const CLOSING: [char; 7] = [')', ']', '}', ',', ';', ':', '.'];
    let mut kept = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(|c: char| c.is_whitespace() || AFTER_URL.contains(&c));
        let (url, next) = after.split_at(end.unwrap_or(after.len()));
        kept.extend([before, "://"]);
        match url.find(['?', '#']) {
            Some(at) => {
                let (path, query) = url.split_at(at);
                let closed = query.trim_end_matches(CLOSING).len();
                kept.extend([path, query.get(closed..).unwrap_or_default()]);
            }
            None => kept.push_str(url),
        }
        rest = next;
    }
    if kept.is_empty() {
        return Cow::Borrowed(message);
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

fn other() -> String {
    // OpenTelemetry's word for an error without a type.
    "_OTHER".to_owned()
}

/// The most telling of an envelope's type, status and code: a word before a number.
fn kind_of(error: &Value) -> Option<String> {
    const KEYS: [&str; 3] = ["type", "status", "code"];
    let word = KEYS
        .iter()
        .filter_map(|key| text(error, key))
        .find(|word| *word != "error");
    word.map(str::to_owned).or_else(|| {
        let numbers = KEYS.iter().filter_map(|key| error.get(key)?.as_number());
        numbers.map(ToString::to_string).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> (String, String) {
        let failure = Failure::of_response(status, body.as_bytes());
        (failure.kind, failure.message)
    }

    fn pair(kind: &str, message: &str) -> (String, String) {
        (kind.to_owned(), message.to_owned())
    }

    #[test]
    fn each_envelope_gives_its_type_and_message() {
        let openai = r#"{"error":{"message":"no","type":"invalid_request_error","code":null}}"#;
        assert_eq!(read(400, openai), pair("invalid_request_error", "no"));
        let code_only = r#"{"error":{"message":"no","code":429}}"#;
        assert_eq!(read(429, code_only), pair("429", "no"));
        let azure =
            r#"{"error":{"message":"no","type":null,"code":"content_filter","status":400}}"#;
        assert_eq!(read(200, azure), pair("content_filter", "no"));
        let flat = r#"{"object":"error","message":"no","type":"invalid_model","code":"1500"}"#;
        assert_eq!(read(400, flat), pair("invalid_model", "no"));
        let anthropic = r#"{"type":"error","error":{"type":"overloaded_error","message":"no"}}"#;
        assert_eq!(read(529, anthropic), pair("overloaded_error", "no"));
        let gemini = r#"[{"error":{"code":404,"message":"no","status":"NOT_FOUND"}}]"#;
        assert_eq!(read(404, gemini), pair("NOT_FOUND", "no"));
        assert_eq!(read(401, r#"{"detail":"no"}"#), pair("401", "no"));
        assert_eq!(read(404, r#"{"error":"no"}"#), pair("404", "no"));
        assert_eq!(read(502, "Bad gateway"), pair("502", "Bad gateway"));
        assert_eq!(read(502, ""), pair("502", "the response had no body"));
    }

    #[test]
    fn the_query_of_a_url_is_never_kept() {
        for (message, kept) in [
            (
                "error sending request for url (http://a.example/v1?subscription-key=0123)",
                "error sending request for url (http://a.example/v1)",
            ),
            (
                r#"Error { url: "https://a.example/v1?key=a)b&c#d", kind: Request } https://b.example"#,
                r#"Error { url: "https://a.example/v1", kind: Request } https://b.example"#,
            ),
            ("is that so? yes", "is that so? yes"),
            ("see http://a/b?c.", "see http://a/b."),
        ] {
            assert_eq!(Failure::new("_OTHER", message).message, kept);
            let body = serde_json::json!({ "error": { "message": message } }).to_string();
            assert_eq!(Failure::of_response(500, body.as_bytes()).message, kept);
        }
        let long = format!("http://a/{}?key=0123", "b".repeat(MESSAGE_CHARS));
        assert!(!Failure::new("_OTHER", &long).message.contains("key"));
    }
}
