//! The engine alone, for fuzz targets and benchmarks.

use std::time::SystemTime;

use super::{call::Ended, endpoint::Endpoint, recorder::Recorder};
use crate::observation::Content;

/// Reads a request and its response as a seam would: the body in chunks of `size` bytes, of the
/// API that `path` tells. Returns what was found, for comparison; `None` if the path is that of no
/// model call.
///
/// ```
/// use warmspan::testkit::replay;
///
/// let body = br#"{"id":"msg_1","model":"claude"}"#;
/// let whole = replay("/v1/messages", None, b"{}", body, usize::MAX);
/// assert_eq!(whole, replay("/v1/messages", None, b"{}", body, 1));
/// ```
pub fn replay(
    path: &str,
    content_type: Option<&str>,
    request: &[u8],
    body: &[u8],
    size: usize,
) -> Option<String> {
    replay_as(
        path,
        (200, content_type),
        Content::Preview,
        request,
        body,
        size,
    )
}

/// The same of a response with this status and content type, for this much of the content.
pub fn replay_as(
    path: &str,
    (status, content_type): (u16, Option<&str>),
    content: Content,
    request: &[u8],
    body: &[u8],
    size: usize,
) -> Option<String> {
    let endpoint = Endpoint::recognise("POST", "localhost", path)?;
    let mut recorder = Recorder::new(endpoint, content);
    recorder.request(request);
    recorder.head(status, &|name| {
        content_type.filter(|_| name == "content-type")
    });
    for chunk in body.chunks(size.max(1)) {
        recorder.chunk(chunk, SystemTime::UNIX_EPOCH);
    }
    Some(format!("{:?}", recorder.finish(Ended::Eof, 1)))
}
