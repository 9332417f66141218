//! Values that cannot print.

use std::fmt;

/// A value that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the request that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The two keys of a Langfuse project.
///
/// ```
/// let credentials = warmspan::Credentials::new("pk-lf-1", "sk-lf-very-secret");
/// assert!(!format!("{credentials:?}").contains("very-secret"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub(super) public_key: String,
    pub(super) secret_key: Secret,
}

impl Credentials {
    /// The public key (`pk-lf-...`) and the secret key (`sk-lf-...`).
    pub fn new(public_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            public_key: public_key.into(),
            secret_key: Secret::new(secret_key),
        }
    }
}
