//! What expansions of `#[observe]` call. Not an API: it changes with the macro, which is pinned to
//! this version.

pub use super::{
    arguments::Arguments,
    call::{Call, Deferred, Site},
    chunks::Chunks,
    probe::{
        ErrorDisplayed, ErrorNamed, ItemCounted, ItemSerialized, ItemText, OutcomeOfResult,
        OutcomeOfValue, Probe, TypeName, ValueNamed, ValueSerialized,
    },
    stream::{ObservedStream, ReboxStream},
};
