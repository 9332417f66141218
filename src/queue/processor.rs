//! The queue as OpenTelemetry sees it.

use std::{sync::Arc, time::Duration};

use opentelemetry::Context;
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{Span, SpanData, SpanProcessor},
};

use crate::transport::{Delivery, Patience};

/// Takes in every span that ends. Its synchronous flush never waits on the caller's runtime: it
/// sends from a thread with a runtime of its own.
#[derive(Debug)]
pub(crate) struct Processor {
    delivery: Arc<Delivery>,
    timeout: Duration,
}

impl Processor {
    pub(crate) fn new(delivery: Arc<Delivery>, timeout: Duration) -> Self {
        Self { delivery, timeout }
    }

    fn flush(&self, timeout: Duration) -> OTelSdkResult {
        if self.delivery.queue().held(None) == 0 {
            return Ok(());
        }
        let report = self.delivery.flush_on_thread(timeout, Patience::Persistent);
        match report.last_error() {
            Some(error) if error.is_timeout() => Err(OTelSdkError::Timeout(timeout)),
            Some(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
            None => Ok(()),
        }
    }
}

impl SpanProcessor for Processor {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.delivery.queue().push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.flush(self.timeout)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.flush(timeout.min(self.timeout))
    }
}
