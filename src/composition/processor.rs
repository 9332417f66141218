//! The processor that brings an application's LLM spans to Langfuse.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use opentelemetry::{
    Context,
    baggage::BaggageExt as _,
    trace::{Span as _, TraceContextExt as _, TraceId},
};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{Span, SpanData, SpanProcessor},
};

use super::{
    filter::is_default_export_span,
    foreign,
    live::{LiveSpan, Parent},
};
use crate::{
    Observation, Sdk, diagnostics,
    observation::{Propagated, current_in},
    transport::Patience,
};

/// Sends an application's LLM spans with the observations of an [`Sdk`]: see
/// [`composition`](super). Made by [`Sdk::span_processor`].
///
/// Spans wait in the SDK's queue and leave with its flushes; the provider's own `force_flush` and
/// `shutdown` send them from a thread of their own, within the SDK's timeout, and do not shut the
/// SDK down.
#[derive(Clone)]
pub struct LlmSpanProcessor {
    sdk: Sdk,
    should_export: Option<Choice>,
}

/// Says which spans are sent.
type Choice = Arc<dyn Fn(&SpanData) -> bool + Send + Sync>;

impl LlmSpanProcessor {
    pub(super) fn new(sdk: &Sdk) -> Self {
        if sdk.is_enabled() {
            sdk.live_spans().compose();
        }
        Self {
            sdk: sdk.clone(),
            should_export: None,
        }
    }

    /// Which of the application's spans are sent, in place of [`is_default_export_span`]. Of a
    /// function that panics none is.
    ///
    /// ```
    /// use warmspan::composition::is_default_export_span;
    ///
    /// let sdk = warmspan::sdk();
    /// let processor = sdk.span_processor().should_export(|span| {
    ///     is_default_export_span(span) || span.instrumentation_scope.name() == "vector-store"
    /// });
    /// ```
    #[must_use = "a processor does nothing until a provider has it"]
    pub fn should_export(
        mut self,
        choose: impl Fn(&SpanData) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.should_export = Some(Arc::new(choose));
        self
    }

    fn exports(&self, span: &SpanData) -> bool {
        let Some(choose) = &self.should_export else {
            return is_default_export_span(span);
        };
        catch_unwind(AssertUnwindSafe(|| choose(span))).unwrap_or_else(|_| {
            diagnostics::warn(format_args!(
                "the span {:?} is left out: the program's `should_export` panicked over it",
                span.name
            ));
            false
        })
    }

    fn flush(&self, timeout: Duration) -> OTelSdkResult {
        let Some(delivery) = self.sdk.delivery() else {
            return Ok(());
        };
        if delivery.queue().held(None) == 0 {
            return Ok(());
        }
        let report = delivery.flush_on_thread(timeout, Patience::Persistent);
        match report.last_error() {
            Some(error) if error.is_timeout() => Err(OTelSdkError::Timeout(timeout)),
            Some(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
            None => Ok(()),
        }
    }
}

impl SpanProcessor for LlmSpanProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        let own = span.span_context().clone();
        if !own.is_sampled() || self.sdk.pipeline().is_none() {
            return;
        }
        let trace = own.trace_id();
        let around = context.span().span_context().clone();
        let is_child = around.is_valid() && around.trace_id() == trace;
        let observation = current_in(context).filter(|current| current.trace_id() == trace);
        if observation.is_some_and(|observation| !observation.is_of(&self.sdk)) {
            // It happens inside of another project's trace, whose processor sends it.
            return;
        }
        let parent = if !is_child {
            Parent::None
        } else if observation.is_some_and(|observation| observation.id() == around.span_id()) {
            Parent::Observation
        } else if around.is_remote() && claims(context, trace) {
            Parent::Claimed
        } else {
            Parent::Span((trace, around.span_id()))
        };
        let span = LiveSpan {
            parent,
            is_below_observation: observation.is_some(),
            is_sent: span.exported_data().is_some_and(|span| self.exports(&span)),
            has_model_call_inside: false,
            propagated: Propagated::of(context)
                .or_else(|| observation.and_then(Observation::propagated).cloned()),
        };
        self.sdk.live_spans().begin((trace, own.span_id()), span);
    }

    fn on_end(&self, span: SpanData) {
        let key = (span.span_context.trace_id(), span.span_context.span_id());
        let live = self.sdk.live_spans();
        let Some(seen) = live.end(key) else { return };
        let is_exported = self.exports(&span);
        if !is_exported && !seen.is_sent {
            return;
        }
        let Some(pipeline) = self.sdk.pipeline() else {
            return;
        };
        if !pipeline.keeps(span.span_context.trace_id()) {
            return;
        }
        let is_app_root = live.sent(&seen);
        let span = if is_exported {
            foreign::llm_span(&self.sdk, span, &seen, is_app_root)
        } else {
            foreign::ancestor(&self.sdk, span, &seen)
        };
        pipeline.delivery().queue().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.flush(self.sdk.settings().timeout)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.flush(timeout.min(self.sdk.settings().timeout))
    }
}

/// Whether the baggage says that another process sends this trace to Langfuse, root included. The
/// official SDKs put the trace id there.
fn claims(context: &Context, trace: TraceId) -> bool {
    let claim = context.baggage().get("langfuse_trace_id");
    claim.is_some_and(|claim| claim.as_str().eq_ignore_ascii_case(&trace.to_string()))
}

impl fmt::Debug for LlmSpanProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmSpanProcessor")
            .field("sdk", &self.sdk)
            .field("chooses", &self.should_export.is_some())
            .finish()
    }
}
