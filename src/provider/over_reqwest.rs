//! What the seams over reqwest have in common.

use std::error::Error;

use reqwest::{Body, Request, Response, ResponseBuilderExt as _, header::CONTENT_LENGTH};

use super::{
    endpoint::Endpoint, failure::Failure, observed_body::ObservedBody, observed_call::ObservedCall,
    openai,
};

/// The model call that a request is.
pub(super) fn recognise(request: &Request) -> Option<Endpoint> {
    let url = request.url();
    let host = url.host_str().unwrap_or_default();
    let body = request.body().and_then(Body::as_bytes);
    Endpoint::of_request(request.method().as_str(), host, url.path(), body)
}

/// Asks a chat's stream for its usage, unless the caller has said what to do.
pub(super) fn include_usage(request: &mut Request) {
    if !request.url().path().ends_with("/chat/completions") {
        return;
    }
    let body = request.body().and_then(Body::as_bytes);
    if let Some(body) = body.and_then(openai::with_include_usage) {
        *request.body_mut() = Some(Body::from(body));
        request.headers_mut().remove(CONTENT_LENGTH);
    }
}

/// The response, with a body that `call` observes. Everything else of it stays.
pub(super) fn observe(response: Response, call: ObservedCall) -> Response {
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    call.head(response.status().as_u16(), &header);
    if let Some(encoding) = header("content-encoding").filter(|name| *name != "identity") {
        call.unreadable(encoding);
    }
    let url = response.url().clone();
    let (mut parts, body) = http::Response::from(response).into_parts();
    // reqwest keeps the URL in an extension of a private type, and forgets it here.
    if let Ok(with_url) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(with_url.into_parts().0.extensions);
    }
    let body = Body::wrap(ObservedBody::new(body, call, transport));
    Response::from(http::Response::from_parts(parts, body))
}

/// An error between this process and the provider, without the URL: that may hold a key.
pub(super) fn transport(error: &reqwest::Error) -> Failure {
    let kind = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else if error.is_body() || error.is_decode() {
        "body"
    } else if error.is_request() {
        "request"
    } else {
        "_OTHER"
    };
    let mut message = String::new();
    let mut source = error.source();
    while let Some(error) = source {
        if !message.is_empty() {
            message.push_str(": ");
        }
        message.push_str(&error.to_string());
        source = error.source();
    }
    Failure::new(kind, if message.is_empty() { kind } else { &message })
}
