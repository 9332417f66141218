//! What a request says of itself, and Vercel of the request.

use std::borrow::Cow;

use vercel_runtime::Request;

use crate::{
    Sdk,
    config::UNKNOWN_SERVICE,
    invocation::{
        budget::Deadline,
        http::{Route, describe, incoming, template},
        scope::Scope,
    },
    observation::attributes,
};

/// Opens the root of a request.
pub(super) fn open(sdk: &Sdk, route: Option<Route>, request: Request) -> (Scope, Request) {
    let (template, request) = template(route, request);
    let service = &sdk.settings().service_name;
    let name = match &template {
        Some(template) => template.name(request.method()),
        None if service == UNKNOWN_SERVICE => Cow::Borrowed("vercel"),
        None => Cow::Owned(service.clone()),
    };
    let scope = Scope::open(sdk, name, &incoming(request.headers()), Deadline::UNKNOWN);
    let root = scope.root();
    if root.is_recording() {
        root.fact(attributes::FAAS_TRIGGER, "http").fact(
            attributes::HTTP_METHOD,
            request.method().as_str().to_owned(),
        );
        if let Some(template) = template {
            template.describe(root);
        }
        describe(root, request.headers());
    }
    (scope, request)
}
