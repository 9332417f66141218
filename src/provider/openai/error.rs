//! What an error of the client says about the call.

use std::error::Error;

use async_openai::error::{ApiError, OpenAIError};

use crate::provider::failure::Failure;

/// Type and message of an error, and the HTTP status if it came from a response.
pub(super) fn failure_of(error: &OpenAIError) -> (Failure, Option<u16>) {
    match error {
        OpenAIError::Reqwest(error) => (
            transport(error),
            error.status().map(|status| status.as_u16()),
        ),
        OpenAIError::ApiError(response) => {
            let status = response.status_code.as_u16();
            let ApiError {
                message,
                r#type,
                code,
                ..
            } = &response.api_error;
            let kind = r#type.clone().or_else(|| code.clone());
            (
                Failure::new(kind.unwrap_or_else(|| status.to_string()), message),
                Some(status),
            )
        }
        // The body that could not be read is not repeated: it may be anything.
        OpenAIError::JSONDeserialize(error, _) => {
            (Failure::new("decode", &error.to_string()), None)
        }
        error => (Failure::new("_OTHER", &error.to_string()), None),
    }
}

/// An error between this process and the provider, without the URL: that may hold a key.
pub(super) fn transport(error: &reqwest::Error) -> Failure {
    let kind = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else if error.is_body() || error.is_decode() {
        "body"
    } else if error.is_request() {
        "request"
    } else {
        "_OTHER"
    };
    let mut message = String::new();
    let mut source = error.source();
    while let Some(error) = source {
        if !message.is_empty() {
            message.push_str(": ");
        }
        message.push_str(&error.to_string());
        source = error.source();
    }
    Failure::new(kind, if message.is_empty() { kind } else { &message })
}
