//! Where a model call comes from: the observation, the SDK and the context of whoever makes it.

use std::sync::Arc;

use opentelemetry::{Context, ContextGuard};

use super::{CallAttributes, scoped::Scoped};
use crate::{Sdk, observation::Observation};

/// What was current when a call was made. Its response may be polled by another task.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) sdk: Sdk,
    pub(crate) context: Context,
}

/// Marks a context in which the calls are observed already.
#[derive(Clone, Copy)]
struct Observed;

impl Origin {
    /// None if nothing would be recorded, or somebody further out observes the call already.
    pub(crate) fn current() -> Option<Self> {
        let context = Context::current();
        if is_observed(&context) {
            return None;
        }
        let sdk = match Observation::current() {
            Some(parent) => parent.sdk().clone(),
            None => crate::sdk().clone(),
        };
        sdk.is_enabled().then_some(Self { sdk, context })
    }

    pub(crate) fn attributes(&self) -> Option<&CallAttributes> {
        self.context.get::<Arc<CallAttributes>>().map(Arc::as_ref)
    }
}

/// Whether an observation around this context is the model call that happens in it.
pub(crate) fn is_observed(context: &Context) -> bool {
    context.get::<Observed>().is_some()
}

/// Runs `work`, in which no call is observed a second time.
pub(crate) fn observed_once<F: Future>(work: F) -> impl Future<Output = F::Output> {
    Scoped {
        inner: work,
        value: Observed,
    }
}

/// The same until the guard is dropped.
pub(crate) fn enter_observed() -> ContextGuard {
    Context::current_with_value(Observed).attach()
}
