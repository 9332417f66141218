//! What a back-end's answer means for the spans that were sent.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;

use crate::{error::Error, observation::redact_keys};

/// What to do with the spans of an answered request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// They arrived, except `rejected` of them.
    Delivered { rejected: usize },
    /// Keep them; the back-end is busy or away, and asks for `retry_after`.
    Later {
        retry_after: Option<Duration>,
        error: Error,
    },
    /// Too large or partly unreadable: what is good in it must be sent apart from the rest.
    Split { error: Error },
    /// They will never be accepted.
    Refused { error: Error },
}

impl Answer {
    /// The statuses to repeat are those of the OTLP specification ("Retryable Response Codes").
    pub(crate) fn of(host: &str, response: &Response<Bytes>) -> Self {
        let status = response.status();
        if status.is_success() {
            return Self::Delivered {
                rejected: rejected_spans(response.body()),
            };
        }
        let error = Error::status_of(host, status, beginning_of(response.body()));
        match status {
            // Langfuse answers 500 when its storage or queue fails (langfuse/langfuse, the route of
            // OTLP traces), which passes.
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::Later {
                retry_after: retry_after(response),
                error,
            },
            // Langfuse refuses a whole export for one bad span with 400.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::BAD_REQUEST => Self::Split { error },
            _ => Self::Refused { error },
        }
    }
}

impl Answer {
    /// The answer to scores: 207 with the errors of single events.
    pub(crate) fn to_scores(host: &str, response: &Response<Bytes>) -> Self {
        match Self::of(host, response) {
            Self::Delivered { .. } => {
                let body: serde_json::Value =
                    serde_json::from_slice(response.body()).unwrap_or_default();
                let errors = body.get("errors").and_then(serde_json::Value::as_array);
                Self::Delivered {
                    rejected: errors.map_or(0, Vec::len),
                }
            }
            other => other,
        }
    }
}

/// Langfuse answers JSON even to protobuf; that is no partial success.
fn rejected_spans(body: &[u8]) -> usize {
    ExportTraceServiceResponse::decode(body)
        .ok()
        .and_then(|response| response.partial_success)
        .map_or(0, |partial| {
            usize::try_from(partial.rejected_spans).unwrap_or(0)
        })
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3). A date is read as "not now".
fn retry_after(response: &Response<Bytes>) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = text.trim().parse().unwrap_or(DATE_RETRY_SECONDS);
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

const DATE_RETRY_SECONDS: u64 = 30;

/// A back-end may not silence us for longer than this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Enough of the body for a message.
fn beginning_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..body.len().min(1024)).unwrap_or_default());
    redact_keys(&text).chars().take(300).collect()
}
