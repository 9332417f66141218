//! Trace and span ids that repeat.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;

/// Ids that count from `0xF0...01`; the same in every run. The high digits show mistakes in
/// formatting that small numbers hide.
///
/// ```
/// use warmspan::{Config, Sdk, testkit::Ids};
///
/// let sdk = Sdk::new(Config::new().public_key("pk").secret_key("sk").ids(Ids::default()));
/// assert_eq!(sdk.span("first").id().to_string(), "f000000000000001");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ids {
    traces: Arc<AtomicU64>,
    spans: Arc<AtomicU64>,
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let number = self.traces.fetch_add(1, Ordering::Relaxed) + 1;
        TraceId::from((0xF0_u128 << 120) | u128::from(number))
    }

    fn new_span_id(&self) -> SpanId {
        let number = self.spans.fetch_add(1, Ordering::Relaxed) + 1;
        SpanId::from((0xF0_u64 << 56) | number)
    }
}
