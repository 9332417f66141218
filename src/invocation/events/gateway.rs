//! Events as Lambda delivers them: HTTP requests of API Gateway (1.0, 2.0, WebSocket), function
//! URLs, load balancers and VPC Lattice, or anything else.
//!
//! Formats: AWS Lambda developer guide, "Working with AWS Lambda proxy integrations for HTTP APIs",
//! "Lambda functions as targets" of the load balancer guide.

use std::{borrow::Cow, fmt};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    invocation::parent::Incoming,
    observation::{Captured, TextCapture, value},
};

/// What may be told of an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Event {
    pub(crate) is_http: bool,
    pub(crate) method: Option<String>,
    /// The route's template, which unlike the path holds no values.
    pub(crate) route: Option<String>,
    /// The decoded body of an HTTP request; the whole payload of anything else.
    pub(crate) input: Option<Captured>,
    pub(crate) incoming: Incoming,
}

impl Event {
    /// Reads a payload, of whose text at most `limit` characters are kept.
    pub(crate) fn read(payload: &RawValue, limit: usize) -> Self {
        match serde_json::from_str::<Envelope<'_>>(payload.get()) {
            Ok(envelope) if envelope.is_http() => envelope.into_event(limit),
            // What has an HTTP request's parts but cannot be read as one is not shown at all:
            // its headers could be anywhere.
            Err(_) if looks_like_http(payload) => Self {
                is_http: true,
                ..Self::default()
            },
            // AppSync sends batches of requests.
            _ if holds_http(payload) => Self {
                is_http: true,
                ..Self::default()
            },
            _ => Self {
                input: value::capture(payload, limit),
                ..Self::default()
            },
        }
    }
}

/// The fields that are read; every other one is skipped unseen. VPC Lattice's first version writes
/// their names with underscores.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    body: Option<Cow<'a, str>>,
    #[serde(default, alias = "is_base64_encoded")]
    is_base64_encoded: bool,
    #[serde(default)]
    http_method: Option<String>,
    /// VPC Lattice.
    #[serde(default)]
    method: Option<IgnoredAny>,
    #[serde(default)]
    route_key: Option<String>,
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    request_context: Option<RequestContext>,
    #[serde(default)]
    headers: Option<TraceHeaders>,
    #[serde(default)]
    multi_value_headers: Option<TraceHeaders>,
    #[serde(default)]
    cookies: Option<IgnoredAny>,
    #[serde(default)]
    query_string_parameters: Option<IgnoredAny>,
    #[serde(default)]
    raw_query_string: Option<IgnoredAny>,
    /// An authorizer's.
    #[serde(default)]
    authorization_token: Option<IgnoredAny>,
    /// A GraphQL resolver's.
    #[serde(default)]
    request: Option<RequestHead>,
}

#[derive(Deserialize)]
struct RequestHead {
    #[serde(default)]
    headers: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct RequestContext {
    #[serde(default)]
    http: Option<HttpContext>,
}

#[derive(Deserialize)]
struct HttpContext {
    #[serde(default)]
    method: Option<String>,
}

impl Envelope<'_> {
    /// Any part that only HTTP requests have makes it one; to take too much for HTTP hides a
    /// payload, to take too little shows a header.
    fn is_http(&self) -> bool {
        self.request_context.is_some()
            || self.headers.is_some()
            || self.multi_value_headers.is_some()
            || self.cookies.is_some()
            || self.query_string_parameters.is_some()
            || self.raw_query_string.is_some()
            || self.authorization_token.is_some()
            || self
                .request
                .as_ref()
                .is_some_and(|request| request.headers.is_some())
            || (self.body.is_some() && (self.http_method.is_some() || self.method.is_some()))
    }

    fn into_event(self, limit: usize) -> Event {
        let method = self
            .http_method
            .or_else(|| self.request_context?.http?.method);
        let headers = self
            .headers
            .or(self.multi_value_headers)
            .unwrap_or_default();
        Event {
            is_http: true,
            method,
            route: self
                .route_key
                .or(self.resource)
                .filter(|route| route != "$default"),
            input: self
                .body
                .and_then(|body| decode_body(&body, self.is_base64_encoded, limit)),
            incoming: headers.0,
        }
    }
}

/// The text of a body; a binary one is described by its size.
pub(super) fn decode_body(body: &str, is_base64: bool, limit: usize) -> Option<Captured> {
    if body.is_empty() {
        return None;
    }
    if !is_base64 {
        return Some(Captured::of(body, limit));
    }
    // Of a large body only what is kept is decoded; four characters stand for three bytes.
    let most = limit.saturating_add(128).saturating_mul(16) / 12 * 4;
    let part = body.get(..most).unwrap_or(body);
    let left_out = (body.len() - part.len()) / 4 * 3;
    let bytes = BASE64_STANDARD.decode(part).unwrap_or_default();
    let (text, is_text) = match std::str::from_utf8(&bytes) {
        Ok(text) => (text, true),
        // Of a body that was cut the last character may be incomplete.
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let is_text = error.error_len().is_none();
            (std::str::from_utf8(valid).unwrap_or_default(), is_text)
        }
    };
    if !is_text {
        return Some(Captured::of(
            &format!("<{} bytes>", bytes.len() + left_out),
            limit,
        ));
    }
    let mut capture = TextCapture::new(limit);
    capture.push(text);
    capture.skip(left_out);
    Some(capture.finish())
}

/// Whether a list holds requests.
fn holds_http(payload: &RawValue) -> bool {
    payload.get().starts_with('[')
        && serde_json::from_str::<Vec<&RawValue>>(payload.get()).is_ok_and(|elements| {
            elements.iter().any(|element| {
                match serde_json::from_str::<Envelope<'_>>(element.get()) {
                    Ok(envelope) => envelope.is_http(),
                    Err(_) => looks_like_http(element),
                }
            })
        })
}

fn looks_like_http(payload: &RawValue) -> bool {
    const PARTS: [&str; 5] = [
        "headers",
        "multiValueHeaders",
        "cookies",
        "queryStringParameters",
        "requestContext",
    ];
    struct Keys(bool);
    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct KeysVisitor;
            impl<'de> Visitor<'de> for KeysVisitor {
                type Value = Keys;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Keys, M::Error> {
                    let mut found = false;
                    while let Some((key, IgnoredAny)) = map.next_entry::<Cow<'de, str>, _>()? {
                        found |= PARTS.contains(&key.as_ref());
                    }
                    Ok(Keys(found))
                }
            }
            deserializer.deserialize_map(KeysVisitor)
        }
    }
    serde_json::from_str::<Keys>(payload.get()).is_ok_and(|keys| keys.0)
}

/// The two headers that carry trace context; the others are skipped unseen.
#[derive(Default)]
struct TraceHeaders(Incoming);

impl<'de> Deserialize<'de> for TraceHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadersVisitor;
        impl<'de> Visitor<'de> for HeadersVisitor {
            type Value = TraceHeaders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of headers")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<TraceHeaders, M::Error> {
                let mut incoming = Incoming::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    if name.eq_ignore_ascii_case("traceparent") {
                        incoming.traceparent = map.next_value::<OneOrMany>()?.0;
                    } else if name.eq_ignore_ascii_case("baggage") {
                        incoming.baggage = map.next_value::<OneOrMany>()?.0;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(TraceHeaders(incoming))
            }

            fn visit_unit<E>(self) -> Result<TraceHeaders, E> {
                Ok(TraceHeaders::default())
            }
        }
        deserializer.deserialize_any(HeadersVisitor)
    }
}

/// A header's value, or the first of a list of them.
struct OneOrMany(Option<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Array(texts) => texts
                .first()
                .and_then(|text| text.as_str())
                .map(str::to_owned),
            _ => None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(payload: &serde_json::Value) -> Event {
        let raw = serde_json::value::to_raw_value(payload).expect("JSON");
        Event::read(&raw, 100)
    }

    fn input(event: &Event) -> Option<&str> {
        event.input.as_ref().map(|captured| captured.text.as_str())
    }

    #[test]
    fn api_gateway_v2_gives_its_body_method_and_route() {
        let event = read(&json!({
            "version": "2.0", "routeKey": "POST /chat", "rawPath": "/chat", "rawQueryString": "token=hush",
            "cookies": ["session=hush"], "headers": {"authorization": "hush", "Traceparent": "tp", "baggage": "b"},
            "requestContext": {"http": {"method": "POST", "path": "/chat", "sourceIp": "hush"}},
            "body": "{\"question\":\"why?\"}", "isBase64Encoded": false
        }));
        assert_eq!(input(&event), Some("{\"question\":\"why?\"}"));
        assert_eq!(
            (event.method.as_deref(), event.route.as_deref()),
            (Some("POST"), Some("POST /chat"))
        );
        assert_eq!(event.incoming.traceparent.as_deref(), Some("tp"));
        assert!(!format!("{event:?}").contains("hush"));
    }

    #[test]
    fn rest_apis_and_load_balancers_are_http_too() {
        let rest = read(&json!({
            "resource": "/{proxy+}", "path": "/a", "httpMethod": "GET", "headers": null,
            "multiValueHeaders": {"traceparent": ["one", "two"]}, "requestContext": {"stage": "prod"}, "body": null
        }));
        assert_eq!(
            (input(&rest), rest.method.as_deref(), rest.route.as_deref()),
            (None, Some("GET"), Some("/{proxy+}"))
        );
        assert_eq!(rest.incoming.traceparent.as_deref(), Some("one"));
        let balancer = read(&json!({
            "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "POST", "path": "/",
            "headers": {"cookie": "hush"}, "body": "aMOp", "isBase64Encoded": true
        }));
        assert_eq!(input(&balancer), Some("hé"));
    }

    #[test]
    fn of_a_large_encoded_body_the_beginning_is_decoded_and_the_rest_counted() {
        let body = BASE64_STANDARD.encode("hé".repeat(1000));
        let event = read(&json!({"requestContext": {}, "body": body, "isBase64Encoded": true}));
        let input = event.input.expect("a body");
        assert_eq!(
            (input.text.as_str(), input.kept),
            ("hé".repeat(50).as_str(), 100)
        );
        assert!((2000..=3000).contains(&input.total), "{}", input.total);
    }

    #[test]
    fn a_binary_body_is_described_by_its_size() {
        let event = read(&json!({"requestContext": {}, "body": "//79", "isBase64Encoded": true}));
        assert_eq!(input(&event), Some("<3 bytes>"));
    }

    #[test]
    fn a_malformed_http_event_shows_nothing_of_itself() {
        for payload in [
            json!({"headers": {"authorization": "hush"}, "body": 7}),
            json!({"headers": "hush", "body": "x"}),
            json!({"requestContext": "hush", "isBase64Encoded": "maybe"}),
        ] {
            let event = read(&payload);
            assert!(event.is_http && event.input.is_none(), "{payload}");
        }
    }

    #[test]
    fn anything_else_is_taken_whole() {
        assert_eq!(
            input(&read(&json!({"question": "why?"}))),
            Some("{\"question\":\"why?\"}")
        );
        assert_eq!(input(&read(&json!("text"))), Some("text"));
        assert_eq!(input(&read(&json!([1, 2]))), Some("[1,2]"));
        assert_eq!(input(&read(&json!(null))), None);
    }
}
