//! Whether an incoming trace becomes ours.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use crate::ParentPolicy;

/// The trace context that came with a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) traceparent: Option<String>,
    pub(crate) baggage: Option<String>,
    /// `X-Cloud-Trace-Context`, which counts where there is no `traceparent`.
    pub(crate) cloud_trace: Option<String>,
}

/// What our root does with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    /// It begins a trace, and there was none.
    None,
    /// It begins a trace, and links to the one that came in.
    Linked(SpanContext),
    /// It continues the one that came in.
    Continued(SpanContext),
}

impl Incoming {
    pub(crate) fn parent(&self, policy: ParentPolicy) -> Parent {
        let w3c = self.traceparent.as_deref().and_then(parse_traceparent);
        let google = || self.cloud_trace.as_deref().and_then(parse_cloud_trace);
        let Some(remote) = w3c.or_else(google) else {
            return Parent::None;
        };
        let continues = match policy {
            ParentPolicy::Root => false,
            ParentPolicy::Continue => true,
            ParentPolicy::Auto => self.claims(remote.trace_id()),
        };
        if continues {
            Parent::Continued(remote)
        } else {
            Parent::Linked(remote)
        }
    }

    /// Whether the baggage says that this trace is sent to Langfuse. The official SDKs put the
    /// trace id there.
    fn claims(&self, trace: TraceId) -> bool {
        let Some(baggage) = &self.baggage else {
            return false;
        };
        let claim = trace.to_string();
        baggage.split(',').any(|entry| {
            let entry = entry.split(';').next().unwrap_or_default();
            entry.split_once('=').is_some_and(|(key, value)| {
                key.trim() == "langfuse_trace_id" && value.trim().eq_ignore_ascii_case(&claim)
            })
        })
    }
}

/// `00-{trace id}-{parent id}-{flags}` (W3C Trace Context, 3.2). Later versions may append fields.
/// The sampled flag is set whatever it says: a remote decision never silences an LLM trace.
fn parse_traceparent(text: &str) -> Option<SpanContext> {
    let mut fields = text.trim().split('-');
    let (version, trace, span, _flags) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    let lengths_are_right = version.len() == 2 && trace.len() == 32 && span.len() == 16;
    if !lengths_are_right || version == "ff" || (version == "00" && fields.next().is_some()) {
        return None;
    }
    remote(trace, SpanId::from_hex(span).ok()?)
}

/// `{trace id}/{span id, decimal};o={options}` (Google Cloud, "Trace context"). A trace without a
/// span is no parent.
fn parse_cloud_trace(text: &str) -> Option<SpanContext> {
    let (trace, rest) = text.trim().split_once('/')?;
    let span = rest.split(';').next()?;
    if trace.len() != 32 {
        return None;
    }
    remote(trace, SpanId::from(span.parse::<u64>().ok()?))
}

fn remote(trace: &str, span: SpanId) -> Option<SpanContext> {
    let trace = TraceId::from_hex(trace).ok()?;
    let context = SpanContext::new(
        trace,
        span,
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn incoming(traceparent: &str, baggage: &str) -> Incoming {
        Incoming {
            traceparent: Some(traceparent.to_owned()),
            baggage: Some(baggage.to_owned()),
            cloud_trace: None,
        }
    }

    #[test]
    fn auto_continues_only_what_is_claimed_for_langfuse() {
        let claim = "a=b, langfuse_trace_id=0af7651916cd43dd8448eb211c80319c;p=1";
        assert!(matches!(
            incoming(TRACEPARENT, claim).parent(ParentPolicy::Auto),
            Parent::Continued(_)
        ));
        for other in [
            "",
            "langfuse_trace_id=ffffffffffffffffffffffffffffffff",
            "langfuse_user_id=u",
        ] {
            assert!(matches!(
                incoming(TRACEPARENT, other).parent(ParentPolicy::Auto),
                Parent::Linked(_)
            ));
        }
    }

    #[test]
    fn the_policy_decides_and_a_remote_decision_not_to_sample_is_ignored() {
        let Parent::Continued(remote) = incoming(TRACEPARENT, "").parent(ParentPolicy::Continue)
        else {
            panic!("not continued")
        };
        assert!(remote.is_sampled() && remote.is_remote());
        assert!(matches!(
            incoming(TRACEPARENT, "").parent(ParentPolicy::Root),
            Parent::Linked(_)
        ));
    }

    #[test]
    fn a_trace_of_google_cloud_counts_where_there_is_no_other() {
        const GOOGLE: &str = "105445aa7843bc8bf206b12000100000/1193046;o=0";
        let of = |traceparent: Option<&str>, google: &str| Incoming {
            traceparent: traceparent.map(str::to_owned),
            baggage: None,
            cloud_trace: Some(google.to_owned()),
        };
        let Parent::Continued(remote) = of(None, GOOGLE).parent(ParentPolicy::Continue) else {
            panic!("not continued")
        };
        assert_eq!(
            remote.trace_id().to_string(),
            "105445aa7843bc8bf206b12000100000"
        );
        assert_eq!(remote.span_id().to_string(), "0000000000123456");
        assert!(remote.is_sampled(), "a remote decision silences nothing");
        assert!(matches!(
            of(None, GOOGLE).parent(ParentPolicy::Auto),
            Parent::Linked(_)
        ));
        let Parent::Continued(remote) =
            of(Some(TRACEPARENT), GOOGLE).parent(ParentPolicy::Continue)
        else {
            panic!("not continued")
        };
        assert_eq!(remote.span_id().to_string(), "b7ad6b7169203331");
        for text in [
            "",
            "105445aa7843bc8bf206b12000100000",
            "105445aa7843bc8bf206b12000100000/",
            "105445aa7843bc8bf206b12000100000/0;o=1",
            "105445aa7843bc8bf206b12000100000/0x12;o=1",
            "105445aa/1;o=1",
            "zz5445aa7843bc8bf206b12000100000/1;o=1",
        ] {
            assert_eq!(
                of(None, text).parent(ParentPolicy::Continue),
                Parent::None,
                "{text}"
            );
        }
    }

    #[test]
    fn malformed_trace_contexts_are_no_parent() {
        for text in [
            "",
            "00",
            "zz",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
        ] {
            assert_eq!(
                incoming(text, "").parent(ParentPolicy::Continue),
                Parent::None,
                "{text}"
            );
        }
    }
}
