//! What the caller adds to the observations of model calls.

use std::{future::Future, sync::Arc};

use opentelemetry::Context;
use serde::Serialize;

use super::scoped::Scoped;
use crate::observation::Observation;

/// A name, a prompt and metadata for the model calls made inside of some code. They go to
/// Langfuse, never to the provider.
///
/// Inner ones replace outer ones as a whole.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use warmspan::CallAttributes;
///
/// let answer = CallAttributes::new()
///     .name("classify")
///     .prompt("classifier", 3)
///     .metadata("tier", "gold")
///     .scope(async { /* call the model */ })
///     .await;
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "attributes do nothing without a scope"]
pub struct CallAttributes {
    name: Option<String>,
    prompt: Option<(String, u32)>,
    metadata: Vec<(String, serde_json::Value)>,
}

impl CallAttributes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of the observation, instead of operation and model.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The prompt of Langfuse's prompt management that the call uses: its name and version.
    pub fn prompt(mut self, name: impl Into<String>, version: u32) -> Self {
        self.prompt = Some((name.into(), version));
        self
    }

    /// One entry of the observation's metadata.
    pub fn metadata<T: Serialize + ?Sized>(mut self, key: impl Into<String>, entry: &T) -> Self {
        let entry = serde_json::to_value(entry).unwrap_or_default();
        self.metadata.push((key.into(), entry));
        self
    }

    /// Runs a future whose model calls have these attributes.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        Scoped {
            inner: work,
            value: Arc::new(self),
        }
    }

    /// Runs code whose model calls have these attributes. A call made here keeps them, wherever
    /// its future is awaited.
    pub fn in_scope<R>(self, body: impl FnOnce() -> R) -> R {
        let _attached = Context::current_with_value(Arc::new(self)).attach();
        body()
    }

    /// Sets them on the observation of a call.
    pub(super) fn apply(&self, observation: &Observation) {
        if let Some(name) = &self.name {
            observation.name(name.clone());
        }
        if let Some((name, version)) = &self.prompt {
            observation.prompt(name, *version);
        }
        for (key, entry) in &self.metadata {
            observation.metadata(key, entry);
        }
    }
}
