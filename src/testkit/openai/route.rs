//! What the in-process `OpenAI` answers, route by route.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{chat, embeddings, responses};

/// An answer before it is sent.
pub(super) enum Routed {
    /// A whole body.
    Whole(StatusCode, Value),
    /// Server-sent events.
    Events(Vec<String>),
}

/// Answers a request whose key was right; `body` is `None` where it is not JSON.
pub(super) fn route(method: &Method, path: &str, body: Option<&Value>) -> Routed {
    let path = path.split('?').next().unwrap_or_default();
    if !matches!(
        path,
        "/v1/chat/completions" | "/v1/responses" | "/v1/embeddings"
    ) {
        let message = format!("Unknown request URL: {method} {path}.");
        return error(StatusCode::NOT_FOUND, &message, "unknown_url");
    }
    if method != Method::POST {
        let message = format!("Not allowed to {method} on {path}.");
        return error(
            StatusCode::METHOD_NOT_ALLOWED,
            &message,
            "method_not_supported",
        );
    }
    let Some(body) = body else {
        return error(
            StatusCode::BAD_REQUEST,
            "We could not parse the JSON body of your request.",
            "invalid_json",
        );
    };
    answer(path, body)
        .unwrap_or_else(|message| error(StatusCode::BAD_REQUEST, message, "missing_parameter"))
}

/// `OpenAI`'s error envelope.
pub(super) fn error(status: StatusCode, message: &str, code: &str) -> Routed {
    let error_type = match status.as_u16() {
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    let error = json!({ "message": message, "type": error_type, "param": null, "code": code });
    Routed::Whole(status, json!({ "error": error }))
}

fn answer(path: &str, body: &Value) -> Result<Routed, &'static str> {
    let streams = body.get("stream").and_then(Value::as_bool) == Some(true);
    Ok(match (path, streams) {
        ("/v1/chat/completions", true) => {
            Routed::Events(chat::events(body, &chat::complete(body)?))
        }
        ("/v1/chat/completions", false) => {
            Routed::Whole(StatusCode::OK, chat::whole(&chat::complete(body)?))
        }
        ("/v1/responses", true) => {
            Routed::Events(responses::events(body, &responses::complete(body)?))
        }
        ("/v1/responses", false) => Routed::Whole(
            StatusCode::OK,
            responses::whole(body, &responses::complete(body)?),
        ),
        _ => Routed::Whole(StatusCode::OK, embeddings::embed(body)?),
    })
}
