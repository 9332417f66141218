//! The settings that are choices.

use crate::Content;

/// When an invocation is flushed.
///
/// Set by `WARMSPAN_FLUSH` or [`Config::flush_point`](crate::Config::flush_point). A streamed
/// response is flushed at the end of its body whatever the setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushPoint {
    /// The response waits for the flush, at most the flush budget. Safe on every platform.
    #[default]
    BeforeResponse,
    /// The response leaves first; the platform is held back until the flush is done. On Lambda
    /// this needs [`lambda::run`](crate::lambda::run), on Vercel
    /// [`vercel::traced`](crate::vercel::traced) does it; the time is billed, but nobody waits.
    AfterResponse,
}

impl FlushPoint {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BeforeResponse => "before-response",
            Self::AfterResponse => "after-response",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::BeforeResponse, Self::AfterResponse]
            .into_iter()
            .find(|point| point.name() == text)
    }
}

/// Whether an incoming `traceparent` becomes the parent of our root observation.
///
/// Set by `WARMSPAN_PARENT` or [`Config::parent`](crate::Config::parent).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParentPolicy {
    /// Continue it only if its baggage claims the trace for Langfuse (`langfuse_trace_id`):
    /// otherwise its spans never reach Langfuse and our root would be an orphan.
    #[default]
    Auto,
    /// Always continue it.
    Continue,
    /// Always start a trace of our own.
    Root,
}

impl ParentPolicy {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Continue => "continue",
            Self::Root => "root",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Auto, Self::Continue, Self::Root]
            .into_iter()
            .find(|policy| policy.name() == text)
    }
}

pub(super) fn content_name(content: Content) -> &'static str {
    match content {
        Content::Preview => "preview",
        Content::Full => "full",
        Content::Off => "off",
    }
}

pub(super) fn parse_content(text: &str) -> Option<Content> {
    [Content::Preview, Content::Full, Content::Off]
        .into_iter()
        .find(|content| content_name(*content) == text)
}
