//! Ids of requests, extensions and X-Ray traces.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A random UUID, version 4.
pub(super) fn uuid() -> String {
    let (a, b) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

/// As AWS X-Ray writes it: version, seconds since 1970, 96 random bits; a parent; sampled.
pub(super) fn xray_trace_id(seconds: u64) -> String {
    let (a, b) = (random() & 0xffff_ffff, random());
    format!(
        "Root=1-{seconds:08x}-{a:08x}{b:016x};Parent={:016x};Sampled=1",
        random()
    )
}

/// Random enough to tell requests apart: the standard library's hash keys.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
