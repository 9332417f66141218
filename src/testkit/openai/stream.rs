//! A body of server-sent events.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::watch;

use crate::testkit::loopback::{self, Body, Hangup};

/// Events with a pause before each; after `cut` of them the connection breaks. As long as `held`
/// is a number, none beyond that many are sent.
pub(super) fn response(
    events: Vec<String>,
    pace: Duration,
    cut: Option<usize>,
    held: watch::Receiver<Option<usize>>,
) -> Response<Body> {
    let events = events.into_iter().enumerate();
    let frames = stream::unfold((events, held), move |(mut events, mut held)| async move {
        let (i, event) = events.next()?;
        // An error means that the server is gone.
        held.wait_for(|most| most.is_none_or(|most| i < most))
            .await
            .ok();
        // Also a short pause lets the server send what it has before a cut.
        let broken = cut.is_some_and(|cut| i >= cut);
        let pause = if broken {
            pace.max(Duration::from_millis(1))
        } else {
            pace
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let frame = if broken {
            Err(Hangup)
        } else {
            Ok(Frame::data(Bytes::from(event)))
        };
        Some((frame, (events, held)))
    });
    let mut response = loopback::bytes(StatusCode::OK, Bytes::new());
    *response.body_mut() = StreamBody::new(frames).boxed_unsync();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    response
}
