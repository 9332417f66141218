//! Whether an incoming trace becomes ours.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use crate::ParentPolicy;

/// The trace context that came with a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) traceparent: Option<String>,
    pub(crate) baggage: Option<String>,
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
        let Some(remote) = self.traceparent.as_deref().and_then(parse_traceparent) else {
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
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
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
