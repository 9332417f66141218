//! What is open in this process: the application's spans, and the observations among them. What is
//! sent must hang from something that is sent too, and a parent ends after its children.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use opentelemetry::trace::{SpanContext, SpanId, TraceId};

use crate::observation::{Propagated, WeakObservation};

/// Names a span.
pub(crate) type SpanKey = (TraceId, SpanId);

pub(crate) fn key(context: &SpanContext) -> SpanKey {
    (context.trace_id(), context.span_id())
}

/// Something open.
#[derive(Debug)]
struct Node {
    parent: Option<SpanKey>,
    /// Whether something around it is sent.
    is_below_sent: bool,
    /// Whether it is expected to be sent by what was known when it began.
    is_expected: bool,
    /// Whether something that is sent hangs from it.
    is_wanted: bool,
    /// What must be known at the end of an application's span; nothing of an observation.
    seen: Option<Seen>,
}

impl Node {
    fn is_sent(&self) -> bool {
        self.is_expected || self.is_wanted
    }
}

/// What is to be known of an application's span when it ends.
#[derive(Debug)]
pub(super) struct Seen {
    /// Whether what it hangs from is sent, by us or by another process.
    pub(super) has_sent_parent: bool,
    /// Whether an observation inside or around it is the same model call and counts its tokens.
    pub(super) is_counted: bool,
    /// The observation around it.
    pub(super) enclosing: Option<WeakObservation>,
    pub(super) propagated: Option<Propagated>,
}

/// How an application's span ended.
#[derive(Debug)]
pub(super) struct EndedSpan {
    pub(super) seen: Seen,
    /// Whether something that is sent hangs from it.
    pub(super) is_wanted: bool,
    parent: Option<SpanKey>,
    is_below_sent: bool,
}

/// The open spans of every provider that an SDK is composed with, and its open observations.
#[derive(Debug, Default)]
pub(crate) struct LiveSpans {
    is_composed: AtomicBool,
    nodes: Mutex<HashMap<SpanKey, Node>>,
}

impl LiveSpans {
    /// Whether the SDK is composed with an application's spans.
    #[inline]
    pub(crate) fn is_composed(&self) -> bool {
        self.is_composed.load(Ordering::Relaxed)
    }

    pub(super) fn compose(&self) {
        self.is_composed.store(true, Ordering::Relaxed);
    }

    /// Whether it is open, and one of these.
    pub(crate) fn knows(&self, span: SpanKey) -> bool {
        self.nodes().contains_key(&span)
    }

    /// An observation begins inside of `parent`, which is open. Whether that one is sent.
    pub(crate) fn begin_observation(
        &self,
        own: SpanKey,
        parent: Option<SpanKey>,
        is_model_call: bool,
    ) -> bool {
        let mut nodes = self.nodes();
        let has_sent_parent = want_parent(&mut nodes, parent);
        if is_model_call {
            visit(&mut nodes, parent, |node| {
                if let Some(seen) = &mut node.seen {
                    seen.is_counted = true;
                }
            });
        }
        let node = Node {
            parent: parent.filter(|parent| *parent != own),
            is_below_sent: has_sent_parent,
            is_expected: true,
            is_wanted: false,
            seen: None,
        };
        nodes.insert(own, node);
        has_sent_parent
    }

    pub(crate) fn end_observation(&self, own: SpanKey) {
        self.nodes().remove(&own);
    }

    /// A span of the application begins inside of `parent`. Returns whether it is the first that is
    /// expected to be sent.
    pub(super) fn begin(
        &self,
        own: SpanKey,
        parent: Option<SpanKey>,
        is_expected: bool,
        mut seen: Seen,
    ) -> bool {
        let mut nodes = self.nodes();
        let around = parent.and_then(|parent| nodes.get(&parent));
        let is_below_sent =
            seen.has_sent_parent || around.is_some_and(|node| node.is_sent() || node.is_below_sent);
        if is_expected {
            seen.has_sent_parent |= want_parent(&mut nodes, parent);
        }
        let is_root = is_expected && !seen.has_sent_parent;
        let node = Node {
            parent: parent.filter(|parent| *parent != own),
            is_below_sent,
            is_expected,
            is_wanted: false,
            seen: Some(seen),
        };
        nodes.insert(own, node);
        is_root
    }

    /// `None` for a span that was never seen, or seen ending already: by a second processor.
    pub(super) fn end(&self, own: SpanKey) -> Option<EndedSpan> {
        let node = self.nodes().remove(&own)?;
        Some(EndedSpan {
            seen: node.seen?,
            is_wanted: node.is_wanted,
            parent: node.parent,
            is_below_sent: node.is_below_sent,
        })
    }

    /// An ended span is sent. Whether it is the first of what is sent.
    pub(super) fn is_root(&self, span: &EndedSpan) -> bool {
        let is_below = || span.is_below_sent && want_parent(&mut self.nodes(), span.parent);
        !(span.seen.has_sent_parent || is_below())
    }

    fn nodes(&self) -> MutexGuard<'_, HashMap<SpanKey, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something is sent that hangs from `parent`: that one is too, with those between it and something
/// that is sent, if there is such a thing. Whether it is.
fn want_parent(nodes: &mut HashMap<SpanKey, Node>, parent: Option<SpanKey>) -> bool {
    visit(nodes, parent, |node| node.is_wanted |= node.is_below_sent);
    parent
        .and_then(|parent| nodes.get(&parent))
        .is_some_and(Node::is_sent)
}

/// Visits what is open from `next` upwards.
fn visit(
    nodes: &mut HashMap<SpanKey, Node>,
    mut next: Option<SpanKey>,
    mut look: impl FnMut(&mut Node),
) {
    // Ids that repeat could make a circle.
    for _ in 0..MAX_DEPTH {
        let Some(node) = next.and_then(|key| nodes.get_mut(&key)) else {
            return;
        };
        look(node);
        next = node.parent;
    }
}

/// Deeper trees end here.
const MAX_DEPTH: usize = 256;
