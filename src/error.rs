//! The one error type: opaque, with predicates, a remedy in every message, and no secret in it.

use std::{fmt, sync::Arc, time::Duration};

use http::StatusCode;

/// Why spans could not be delivered, or an SDK could not talk to its back-end.
///
/// Cheap to clone, because a [`FlushReport`](crate::FlushReport) keeps the last one.
#[derive(Clone)]
pub struct Error(Arc<Repr>);

impl Error {
    /// Whether the back-end did not answer within the budget.
    pub fn is_timeout(&self) -> bool {
        matches!(*self.0, Repr::Timeout { .. })
    }

    /// Whether no connection could be opened, or it broke before the answer.
    pub fn is_connect(&self) -> bool {
        matches!(
            *self.0,
            Repr::Connect { .. } | Repr::Broken { .. } | Repr::Tls { .. }
        )
    }

    /// Whether the back-end refused the keys (HTTP 401 or 403).
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self.status(),
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        )
    }

    /// Whether tracing is off, so there was nothing to talk to.
    pub fn is_disabled(&self) -> bool {
        matches!(*self.0, Repr::Disabled)
    }

    /// The HTTP status that the back-end answered with.
    pub fn status(&self) -> Option<StatusCode> {
        match *self.0 {
            Repr::Status { status, .. } | Repr::Unauthorized { status, .. } => Some(status),
            _ => None,
        }
    }

    pub(crate) fn disabled() -> Self {
        Repr::Disabled.into()
    }

    pub(crate) fn timeout(host: &str, budget: Duration) -> Self {
        Repr::Timeout {
            host: host.to_owned(),
            budget,
        }
        .into()
    }

    pub(crate) fn connect(host: &str, source: std::io::Error) -> Self {
        Repr::Connect {
            host: host.to_owned(),
            source,
        }
        .into()
    }

    pub(crate) fn broken(host: &str, source: hyper::Error) -> Self {
        Repr::Broken {
            host: host.to_owned(),
            source,
        }
        .into()
    }

    pub(crate) fn tls(message: impl fmt::Display) -> Self {
        Repr::Tls {
            message: message.to_string(),
        }
        .into()
    }

    pub(crate) fn configuration(message: impl fmt::Display) -> Self {
        Repr::Configuration {
            message: message.to_string(),
        }
        .into()
    }

    pub(crate) fn thread(source: std::io::Error) -> Self {
        Repr::Thread { source }.into()
    }

    /// An answer that is not a success. `body` is the answer's beginning, already redacted.
    pub(crate) fn status_of(host: &str, status: StatusCode, body: String) -> Self {
        let host = host.to_owned();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let remedy = remedy_for_unauthorized(&host);
                Repr::Unauthorized {
                    host,
                    status,
                    remedy,
                }
                .into()
            }
            _ => Repr::Status { host, status, body }.into(),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.0).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl From<Repr> for Error {
    fn from(repr: Repr) -> Self {
        Self(Arc::new(repr))
    }
}

#[derive(Debug, thiserror::Error)]
enum Repr {
    #[error("tracing is off: set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY to turn it on")]
    Disabled,
    #[error(
        "{host} did not answer within {budget:?}: raise LANGFUSE_TIMEOUT (seconds) if it is merely far away"
    )]
    Timeout { host: String, budget: Duration },
    #[error(
        "cannot connect to {host}: check LANGFUSE_BASE_URL and the function's network: {source}"
    )]
    Connect {
        host: String,
        source: std::io::Error,
    },
    #[error("the connection to {host} broke before the answer")]
    Broken { host: String, source: hyper::Error },
    #[error("TLS: {message}. A private certificate authority goes into SSL_CERT_FILE (PEM)")]
    Tls { message: String },
    #[error(
        "the configured endpoint cannot be used: {message}. Check LANGFUSE_BASE_URL and the headers"
    )]
    Configuration { message: String },
    #[error("{host} answered {status} to the keys: {remedy}")]
    Unauthorized {
        host: String,
        status: StatusCode,
        remedy: String,
    },
    #[error("{host} answered {status}: {body}")]
    Status {
        host: String,
        status: StatusCode,
        body: String,
    },
    #[error("cannot start the helper thread that sends outside of a Tokio runtime")]
    Thread { source: std::io::Error },
}

/// Keys of one Langfuse region mean nothing in another, the most common cause of a 401.
fn remedy_for_unauthorized(host: &str) -> String {
    let other = match host {
        "cloud.langfuse.com" => "https://us.cloud.langfuse.com",
        "us.cloud.langfuse.com" => "https://cloud.langfuse.com",
        _ if host.ends_with(".cloud.langfuse.com") => "https://cloud.langfuse.com",
        _ => {
            return "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, and that \
                    LANGFUSE_BASE_URL is the host that issued them"
                .to_owned();
        }
    };
    format!(
        "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, or set LANGFUSE_BASE_URL={other} \
         if the project lives in that region"
    )
}
