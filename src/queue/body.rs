//! What goes into requests: encoded spans of one trace, or one score.

use bytes::Bytes;
use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message as _;

/// An encoded part of a request, of one trace.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    trace: TraceId,
    /// The trace that it is about; that of a score may be another than the one it leaves with.
    subject: TraceId,
    kind: BodyKind,
    bytes: Bytes,
    spans: usize,
    attempts: u8,
}

/// What a body is, and so which requests it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// A protobuf `ExportTraceServiceRequest`.
    Spans,
    /// A JSON event of Langfuse's ingestion. Counts like a span.
    Score,
}

impl Body {
    pub(crate) fn new(trace: TraceId, bytes: Bytes, spans: usize) -> Self {
        Self {
            trace,
            subject: trace,
            kind: BodyKind::Spans,
            bytes,
            spans,
            attempts: 0,
        }
    }

    /// A score of `subject` that leaves with `trace`.
    pub(crate) fn score(trace: TraceId, subject: TraceId, event: String) -> Self {
        Self {
            trace,
            subject,
            kind: BodyKind::Score,
            bytes: event.into(),
            spans: 1,
            attempts: 0,
        }
    }

    /// The same after one more attempt that the back-end failed over.
    pub(crate) fn tried(self) -> Self {
        Self {
            attempts: self.attempts.saturating_add(1),
            ..self
        }
    }

    pub(crate) fn attempts(&self) -> u8 {
        self.attempts
    }

    pub(crate) fn kind(&self) -> BodyKind {
        self.kind
    }

    pub(crate) fn trace(&self) -> TraceId {
        self.trace
    }

    pub(crate) fn subject(&self) -> TraceId {
        self.subject
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn spans(&self) -> usize {
        self.spans
    }

    /// The body as two, each of about half the spans; `None` for a single span.
    pub(crate) fn halves(&self) -> Option<(Self, Self)> {
        if self.spans < 2 {
            return None;
        }
        let mut first = ExportTraceServiceRequest::decode(self.bytes.clone()).ok()?;
        let mut second = ExportTraceServiceRequest::default();
        let mut to_move = self.spans / 2;
        for resource in first.resource_spans.iter_mut().rev() {
            let mut moved = ResourceSpans {
                resource: resource.resource.clone(),
                schema_url: resource.schema_url.clone(),
                scope_spans: Vec::new(),
            };
            for scope in resource.scope_spans.iter_mut().rev() {
                let count = to_move.min(scope.spans.len());
                to_move -= count;
                if count > 0 {
                    moved.scope_spans.push(ScopeSpans {
                        scope: scope.scope.clone(),
                        schema_url: scope.schema_url.clone(),
                        spans: scope.spans.split_off(scope.spans.len() - count),
                    });
                }
            }
            if !moved.scope_spans.is_empty() {
                second.resource_spans.push(moved);
            }
        }
        let body = |request: &ExportTraceServiceRequest, spans| {
            Self::new(self.trace, request.encode_to_vec().into(), spans)
        };
        Some((
            body(&first, self.spans - self.spans / 2),
            body(&second, self.spans / 2),
        ))
    }
}
