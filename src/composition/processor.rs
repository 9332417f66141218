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
    live::{Seen, key},
};
use crate::{
    Observation, Sdk, diagnostics,
    observation::{Propagated, current_in},
    provider::is_observed,
    transport::Patience,
};

/// Sends an application's LLM spans with the observations of an [`Sdk`]: see
/// [`composition`](super). Made by [`Sdk::span_processor`].
///
/// Spans wait in the SDK's queue and leave with its flushes; the provider's own `force_flush` and
/// `shutdown` send them from a thread of their own, within the SDK's timeout, and do not shut the
/// SDK down.
#[derive(Clone)]
#[must_use = "a processor does nothing until a provider has it"]
pub struct LlmSpanProcessor {
    sdk: Sdk,
    should_export: Option<Choice>,
    /// Whether the provider's flush and shutdown flush the SDK.
    flushes: bool,
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
            flushes: true,
        }
    }

    /// For a provider of the library's own, which is dropped wherever its subscriber is.
    #[cfg(feature = "tracing")]
    pub(super) fn without_flush(self) -> Self {
        Self {
            flushes: false,
            ..self
        }
    }

    #[cfg(feature = "tracing")]
    pub(super) fn sdk(&self) -> &Sdk {
        &self.sdk
    }

    /// Which of the application's spans are sent, in place of [`is_default_export_span`]. It is
    /// asked when a span has ended. Of a function that panics none is sent.
    ///
    /// ```
    /// use warmspan::composition::is_default_export_span;
    ///
    /// let sdk = warmspan::sdk();
    /// let processor = sdk.span_processor().should_export(|span| {
    ///     is_default_export_span(span) || span.instrumentation_scope.name() == "vector-store"
    /// });
    /// ```
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
        let Some(delivery) = self.sdk.delivery().filter(|_| self.flushes) else {
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
        let own = key(span.span_context());
        if !span.span_context().is_sampled() || self.sdk.pipeline().is_none() {
            return;
        }
        let around = context.span().span_context().clone();
        let observation = current_in(context).filter(|current| current.trace_id() == own.0);
        if observation.is_some_and(|observation| !observation.is_of(&self.sdk)) {
            // It happens inside of another project's trace, whose processor sends it.
            return;
        }
        let live = self.sdk.live_spans();
        let is_child = around.is_valid() && around.trace_id() == own.0;
        let parent = Some(key(&around)).filter(|parent| is_child && live.knows(*parent));
        let seen = Seen {
            // Of another process, or an observation that has ended already.
            has_sent_parent: is_child
                && parent.is_none()
                && (around.is_remote() && claims(context, own.0)
                    || observation.is_some_and(|current| current.id() == around.span_id())),
            is_counted: is_observed(context),
            enclosing: observation.map(Observation::downgrade),
            propagated: Propagated::of(context)
                .or_else(|| observation.and_then(Observation::propagated).cloned()),
        };
        // The program's choice is asked at the end: here it could wait for the very span.
        let is_expected = span
            .exported_data()
            .is_some_and(|span| is_default_export_span(&span));
        if live.begin(own, parent, is_expected, seen)
            && let Some(delivery) = self.sdk.delivery()
        {
            delivery.queue().begin(own.0, own.1);
        }
    }

    fn on_end(&self, span: SpanData) {
        let own = key(&span.span_context);
        let live = self.sdk.live_spans();
        let Some(ended) = live.end(own) else { return };
        let Some(pipeline) = self.sdk.pipeline_even_if_shut_down() else {
            return;
        };
        let is_exported = self.exports(&span);
        if !(is_exported || ended.is_wanted) || !pipeline.keeps(own.0) {
            // If it had begun as a root, it is none.
            pipeline.delivery().queue().withdraw(own.0, own.1);
            return;
        }
        let is_root = live.is_root(&ended);
        let span = if is_exported {
            foreign::llm_span(&self.sdk, span, &ended.seen, is_root)
        } else {
            foreign::ancestor(&self.sdk, span, &ended.seen, is_root)
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
            .finish_non_exhaustive()
    }
}
