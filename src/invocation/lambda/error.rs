//! The handler's error on its way to the runtime.

use std::fmt;

use lambda_runtime::Diagnostic;

use crate::observation::value;

/// What a handler's error says, to people and to Lambda; both are as without tracing.
#[derive(Clone, PartialEq, Eq)]
pub struct TracedError {
    debug: String,
    diagnostic: Diagnostic,
}

impl TracedError {
    pub(super) fn of(error: impl Into<Diagnostic> + fmt::Debug) -> Self {
        Self {
            debug: value::displayed(&format_args!("{error:?}")),
            diagnostic: error.into(),
        }
    }

    /// A payload that the handler cannot take, reported as `lambda_runtime` 1.5 reports it.
    pub(super) fn payload(message: String) -> Self {
        let diagnostic = Diagnostic {
            error_type: "&lambda_runtime::deserializer::DeserializeError".to_owned(),
            error_message: message,
        };
        Self {
            debug: format!("{diagnostic:?}"),
            diagnostic,
        }
    }

    /// What Lambda is told.
    pub fn diagnostic(&self) -> &Diagnostic {
        &self.diagnostic
    }
}

impl From<TracedError> for Diagnostic {
    fn from(error: TracedError) -> Self {
        error.diagnostic
    }
}

/// As the handler's own error prints, since the runtime logs it so.
impl fmt::Debug for TracedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.debug)
    }
}

impl fmt::Display for TracedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.error_message)
    }
}

impl std::error::Error for TracedError {}
