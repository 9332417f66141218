//! A request as it arrived.

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::observation::Observation;
use crate::testkit::Moment;

/// A request as it arrived, whatever it was answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// When the last byte of the body had arrived.
    pub received_at: Moment,
    /// The number of the connection it came on, from 1.
    pub connection: usize,
    /// The method.
    pub method: Method,
    /// The path and query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it was on the wire (chunks joined, compression left).
    pub wire: Bytes,
    /// The body decompressed; equal to `wire` where it was not gzip or did not decompress.
    pub body: Bytes,
    /// The spans in the body, if it is OTLP that parses.
    pub observations: Vec<Observation>,
    /// The status answered; `None` while there is no answer and where the connection was closed.
    pub status: Option<u16>,
    /// Whether the spans were accepted.
    pub accepted: bool,
}

impl Received {
    /// A header's value as text; `None` where it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether `needle` appears in the path, a header or the body (as sent, or decompressed).
    pub fn contains(&self, needle: &[u8]) -> bool {
        if needle.is_empty() {
            return true;
        }
        let within = |haystack: &[u8]| {
            haystack
                .windows(needle.len())
                .any(|window| window == needle)
        };
        within(self.path.as_bytes())
            || within(&self.wire)
            || within(&self.body)
            || self
                .headers
                .iter()
                .any(|(name, value)| within(name.as_str().as_bytes()) || within(value.as_bytes()))
    }
}
