//! What a request says of itself, and Vercel of the request.

use std::borrow::Cow;

use vercel_runtime::Request;

use crate::{
    Observation, Sdk,
    config::UNKNOWN_SERVICE,
    invocation::{budget::Deadline, http::incoming, scope::Scope},
    observation::attributes,
};

/// Opens the root of a request.
pub(super) fn open(sdk: &Sdk, request: &Request) -> Scope {
    let service = &sdk.settings().service_name;
    let name = if service == UNKNOWN_SERVICE {
        Cow::Borrowed("vercel")
    } else {
        Cow::Owned(service.clone())
    };
    let scope = Scope::open(sdk, name, &incoming(request.headers()), Deadline::UNKNOWN);
    let root = scope.root();
    if root.is_recording() {
        root.fact(attributes::FAAS_TRIGGER, "http").fact(
            attributes::HTTP_METHOD,
            request.method().as_str().to_owned(),
        );
        describe(root, request);
    }
    scope
}

/// Says what Vercel says. On any other machine these headers would be the client's own words.
fn describe(root: &Observation, request: &Request) {
    let platform = &root.sdk().settings().platform;
    if !platform.is_vercel {
        return;
    }
    root.facts(&platform.facts);
    let vercel_id = id(request, "x-vercel-id");
    if let Some(id) = vercel_id {
        root.fact(attributes::VERCEL_ID, id.to_owned());
    }
    // The regions first, the id as Vercel's logs know it last: `iad1::d4285-1769280933622-449e98882f00`.
    let request_id = vercel_id.and_then(|id| id.rsplit("::").next());
    if let Some(id) = request_id.or_else(|| id(request, "x-vercel-internal-invocation-id")) {
        root.fact(attributes::FAAS_INVOCATION_ID, id.to_owned());
    }
}

/// A header that is nothing but an id.
fn id<'a>(request: &'a Request, header: &str) -> Option<&'a str> {
    let text = request.headers().get(header)?.to_str().ok()?;
    let is_id = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then_some(text)
}
