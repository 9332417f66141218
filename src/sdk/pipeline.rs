//! What stands behind an SDK that records: ids and sampling at the start of a span, the queue and the
//! way out of it at the end.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, TraceId, TraceState},
};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample as _},
};

use crate::{
    Error,
    config::{Destination, Settings},
    diagnostics,
    queue::{Bounds, Queue},
    transport::{Connections, Delivery, Encoder, Endpoint, Periodic},
};

/// Spans in, requests out.
///
/// An observation is written into its [`SpanData`] as it is described, so there is no tracer
/// provider in between: one would keep everything a second time, and its settings obey the
/// environment (`OTEL_TRACES_SAMPLER=always_off` would silence us, and attributes past the 128th,
/// output and usage first, would be dropped silently).
#[derive(Debug)]
pub(crate) struct Pipeline {
    scope: InstrumentationScope,
    ids: Ids,
    sampler: Sampler,
    delivery: Arc<Delivery>,
    periodic: Option<Periodic>,
    is_shut_down: AtomicBool,
}

impl Pipeline {
    pub(super) fn new(destination: &Destination, settings: &Settings) -> Result<Self, Error> {
        let endpoint = Arc::new(Endpoint::new(destination)?);
        let connections = Connections::new(endpoint, settings.ca_file.clone());
        let encoder = Encoder::new(&resource(settings))
            .ok_or_else(|| Error::configuration("the OTLP exporter refused its settings"))?;
        let rule = settings.tail_rule();
        // With a rule every trace is recorded and the queue decides.
        let head_rate = if rule.is_some() {
            1.0
        } else {
            settings.sample_rate
        };
        let queue = Queue::new(Bounds::default(), rule);
        let delivery = Delivery::new(queue, encoder, connections, settings.gzip, settings.debug);
        let delivery = Arc::new(delivery);
        Ok(Self {
            scope: InstrumentationScope::builder(SCOPE)
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
            ids: ids(settings),
            sampler: sampler(head_rate),
            periodic: settings
                .flush_interval
                .map(|interval| Periodic::start(&delivery, interval, settings.timeout)),
            delivery,
            is_shut_down: AtomicBool::new(false),
        })
    }

    pub(crate) fn scope(&self) -> &InstrumentationScope {
        &self.scope
    }

    /// What a tracer provider of the same SDK is made of.
    pub(crate) fn ids_and_sampler(&self) -> (Ids, Sampler) {
        (self.ids.clone(), self.sampler.clone())
    }

    pub(crate) fn delivery(&self) -> &Arc<Delivery> {
        &self.delivery
    }

    /// The identity of a new span: inside of `parent`, or the first of a trace, which may have been
    /// given its id.
    pub(crate) fn span_context(
        &self,
        parent: Option<&SpanContext>,
        trace: Option<TraceId>,
    ) -> SpanContext {
        let trace = match parent {
            Some(parent) => parent.trace_id(),
            None => trace.unwrap_or_else(|| self.ids.new_trace_id()),
        };
        let flags = parent.map(SpanContext::trace_flags).unwrap_or_default();
        let state = parent.map_or(TraceState::NONE, |parent| parent.trace_state().clone());
        let flags = flags.with_sampled(self.keeps(trace));
        SpanContext::new(trace, self.ids.new_span_id(), flags, false, state)
    }

    /// The root of what this application does in a trace begins.
    pub(crate) fn root_begins(&self, root: &SpanContext) {
        self.delivery.queue().begin(root.trace_id(), root.span_id());
    }

    /// Whether the sampling keeps this trace, as far as it is decided at its beginning.
    pub(crate) fn keeps(&self, trace: TraceId) -> bool {
        if matches!(self.sampler, Sampler::AlwaysOn) {
            return true;
        }
        let decided = self
            .sampler
            .should_sample(None, trace, "", &SpanKind::Internal, &[], &[]);
        decided.decision == SamplingDecision::RecordAndSample
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.is_shut_down.load(Ordering::Relaxed)
    }

    /// Sends nothing at intervals any more; what was just being sent so is back in the queue.
    pub(super) fn stop_periodic(&self) {
        if let Some(periodic) = &self.periodic {
            periodic.stop();
        }
    }

    /// Returns how many spans nobody sent.
    pub(super) fn shut_down(&self) -> usize {
        self.is_shut_down.store(true, Ordering::Relaxed);
        self.stop_periodic();
        let abandoned = self.delivery.queue().close();
        if abandoned > 0 {
            diagnostics::warn(format_args!(
                "{abandoned} spans were not sent and are lost: await `force_flush` or `shutdown` with a longer budget"
            ));
        }
        abandoned
    }
}

impl Drop for Pipeline {
    /// Says what is lost.
    fn drop(&mut self) {
        if !self.is_shut_down() {
            self.shut_down();
        }
    }
}

/// The instrumentation scope. Not `langfuse-sdk`: of spans so named the server drops every
/// attribute that it does not know, of others it keeps them as metadata.
pub(crate) const SCOPE: &str = "warmspan";

/// By trace id and not by parent, so that a trace is kept or left out as a whole and a remote
/// `sampled=0` silences nothing.
fn sampler(rate: f64) -> Sampler {
    if rate >= 1.0 {
        Sampler::AlwaysOn
    } else {
        Sampler::TraceIdRatioBased(rate)
    }
}

fn resource(settings: &Settings) -> Resource {
    let mut attributes = vec![
        KeyValue::new("service.name", settings.service_name.clone()),
        KeyValue::new("telemetry.sdk.name", "opentelemetry"),
        KeyValue::new("telemetry.sdk.language", "rust"),
        KeyValue::new("telemetry.distro.name", "warmspan"),
        KeyValue::new("telemetry.distro.version", env!("CARGO_PKG_VERSION")),
    ];
    let optional = [
        ("langfuse.environment", &settings.environment),
        ("langfuse.release", &settings.release),
    ];
    for (key, value) in optional {
        attributes.extend(
            value
                .as_ref()
                .map(|value| KeyValue::new(key, value.clone())),
        );
    }
    Resource::builder_empty()
        .with_attributes(attributes)
        .build()
}

fn ids(settings: &Settings) -> Ids {
    #[cfg(feature = "testkit")]
    if let Some(ids) = &settings.ids {
        return Ids::Given(ids.clone());
    }
    let _ = settings;
    Ids::Random(RandomIdGenerator::default())
}

/// Where trace and span ids come from.
#[derive(Clone, Debug)]
pub(crate) enum Ids {
    Random(RandomIdGenerator),
    #[cfg(feature = "testkit")]
    Given(crate::testkit::Ids),
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        match self {
            Self::Random(random) => random.new_trace_id(),
            #[cfg(feature = "testkit")]
            Self::Given(given) => given.new_trace_id(),
        }
    }

    fn new_span_id(&self) -> SpanId {
        match self {
            Self::Random(random) => random.new_span_id(),
            #[cfg(feature = "testkit")]
            Self::Given(given) => given.new_span_id(),
        }
    }
}
