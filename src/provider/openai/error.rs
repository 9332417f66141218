//! What an error of the client says about the call.

use async_openai::error::{ApiError, OpenAIError};

use crate::provider::{failure::Failure, over_reqwest::transport};

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
