//! What the platform says of a request, and of where it is handled.

use http::HeaderMap;

use crate::{Observation, observation::attributes};

/// Says it on the request's root.
///
/// A platform's headers count on that platform only: on any other machine they would be the client's
/// own words.
pub(crate) fn describe(root: &Observation, headers: &HeaderMap) {
    let platform = &root.sdk().settings().platform;
    root.facts(&platform.facts);
    if platform.is_azure_functions
        && let Some(id) = azure_id(headers)
    {
        root.fact(attributes::FAAS_INVOCATION_ID, id.to_owned());
    }
    if platform.is_vercel {
        describe_vercel(root, headers);
    }
}

/// Vercel's documentation, "Request headers".
fn describe_vercel(root: &Observation, headers: &HeaderMap) {
    let vercel_id = vercel_id(headers, "x-vercel-id");
    if let Some(id) = vercel_id {
        root.fact(attributes::VERCEL_ID, id.to_owned());
    }
    // The regions first, the id as Vercel's logs know it last: `iad1::d4285-1769280933622-449e98882f00`.
    let request_id = vercel_id.and_then(|id| id.rsplit("::").next());
    let invocation_id = || self::vercel_id(headers, "x-vercel-internal-invocation-id");
    if let Some(id) = request_id.or_else(invocation_id) {
        root.fact(attributes::FAAS_INVOCATION_ID, id.to_owned());
    }
}

/// A header that is nothing but an id.
fn vercel_id<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?;
    let is_id = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then_some(text)
}

/// The id that the host of Azure Functions gives an invocation; a client's own header of that name
/// could hold anything.
fn azure_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers
        .get("x-azure-functions-invocationid")?
        .to_str()
        .ok()?;
    let is_id = id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_id.then_some(id)
}
