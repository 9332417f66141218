//! What the in-process Langfuse answers, route by route.

use std::io::Read;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Method, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use serde_json::{Value, json};

use super::server::Keys;
use crate::testkit::loopback::{self, Body};

/// An answer, and the export that was accepted with it, if any.
pub(super) struct Routed {
    pub(super) status: StatusCode,
    pub(super) answer: Value,
    pub(super) export: Option<ExportTraceServiceRequest>,
}

/// Answers a request that was let in.
type Handle = fn(&HeaderMap, Result<&Bytes, &str>) -> Routed;

impl Routed {
    fn answer(status: StatusCode, answer: Value) -> Self {
        Self {
            status,
            answer,
            export: None,
        }
    }

    fn bad_request(error: impl Into<String>) -> Self {
        Self::answer(StatusCode::BAD_REQUEST, json!({ "error": error.into() }))
    }

    fn unauthorized(message: &str) -> Self {
        Self::answer(StatusCode::UNAUTHORIZED, json!({ "message": message }))
    }
}

/// Answers a request; `body` is decompressed, or why it could not be.
pub(super) fn route(
    keys: &Keys,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: Result<&Bytes, &str>,
) -> Routed {
    let (expected, handle): (Method, Handle) = match path.split('?').next().unwrap_or_default() {
        "/api/public/otel/v1/traces" => (Method::POST, traces),
        "/api/public/projects" => (Method::GET, projects),
        "/api/public/scores" => (Method::POST, score),
        "/api/public/ingestion" => (Method::POST, ingestion),
        _ => return Routed::answer(StatusCode::NOT_FOUND, json!({ "message": "Not found" })),
    };
    if method != expected {
        return Routed::answer(
            StatusCode::METHOD_NOT_ALLOWED,
            json!({ "message": "Method not allowed" }),
        );
    }
    match unauthorized(keys, headers) {
        Some(message) => Routed::unauthorized(message),
        None => handle(headers, body),
    }
}

/// The id of the only project.
pub(super) const PROJECT_ID: &str = "testkit-project";

/// The decompressed body.
pub(super) fn decompress(headers: &HeaderMap, wire: &Bytes) -> Result<Bytes, &'static str> {
    if !contains(headers, header::CONTENT_ENCODING, "gzip") {
        return Ok(wire.clone());
    }
    let mut body = Vec::new();
    match MultiGzDecoder::new(wire.as_ref()).read_to_end(&mut body) {
        Ok(_) => Ok(body.into()),
        Err(_) => Err("Failed to decompress request body"),
    }
}

/// The OTLP answer that rejects some spans, in the encoding of the request.
pub(super) fn partial_success(headers: &HeaderMap, rejected: i64) -> http::Response<Body> {
    let error_message = "rejected by the testkit".to_owned();
    if contains(headers, header::CONTENT_TYPE, "application/json") {
        let answer = json!({
            "partialSuccess": { "rejectedSpans": rejected.to_string(), "errorMessage": error_message }
        });
        return loopback::json(StatusCode::OK, &answer);
    }
    let answer = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: rejected,
            error_message,
        }),
    };
    let mut response = loopback::bytes(StatusCode::OK, answer.encode_to_vec());
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/x-protobuf"),
    );
    response
}

/// Why a request is refused, in the words of the server.
fn unauthorized(keys: &Keys, headers: &HeaderMap) -> Option<&'static str> {
    const WRONG: &str = "Invalid credentials. Confirm that you've configured the correct host.";
    let Some(authorization) = headers.get(header::AUTHORIZATION) else {
        return Some("No authorization header");
    };
    let credentials = authorization
        .to_str()
        .ok()
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
    match credentials {
        None => Some("Invalid authorization header"),
        Some(given) if given == format!("{}:{}", keys.public, keys.secret).into_bytes() => None,
        Some(_) => Some(WRONG),
    }
}

/// In the order of the server: decompress, content type, parse, validate, ingestion version.
fn traces(headers: &HeaderMap, body: Result<&Bytes, &str>) -> Routed {
    let body = match body {
        Ok(body) => body,
        Err(error) => return Routed::bad_request(error),
    };
    let export = match export(headers, body) {
        Ok(export) => export,
        Err(error) => return Routed::bad_request(error),
    };
    if let Some(error) = invalid_spans(&export).or_else(|| unsupported_version(headers)) {
        return Routed::bad_request(error);
    }
    Routed {
        status: StatusCode::OK,
        answer: json!({ "message": "OK" }),
        export: Some(export),
    }
}

fn export(headers: &HeaderMap, body: &Bytes) -> Result<ExportTraceServiceRequest, &'static str> {
    if contains(headers, header::CONTENT_TYPE, "application/json") {
        serde_json::from_slice(body).map_err(|_| "Failed to parse OTel JSON Trace")
    } else if contains(headers, header::CONTENT_TYPE, "application/x-protobuf") {
        ExportTraceServiceRequest::decode(body.as_ref())
            .map_err(|_| "Failed to parse OTel Protobuf Trace")
    } else {
        Err("Invalid content type")
    }
}

fn invalid_spans(export: &ExportTraceServiceRequest) -> Option<String> {
    let spans = || {
        export
            .resource_spans
            .iter()
            .flat_map(|r| &r.scope_spans)
            .flat_map(|s| &s.spans)
    };
    let without_trace_id = spans().filter(|span| span.trace_id.is_empty()).count();
    let without_span_id = spans().filter(|span| span.span_id.is_empty()).count();
    (without_trace_id + without_span_id > 0).then(|| {
        format!("Invalid OTel spans: {without_trace_id} without traceId, {without_span_id} without spanId")
    })
}

fn unsupported_version(headers: &HeaderMap) -> Option<String> {
    let names = [
        "x-langfuse-ingestion-version",
        "x_langfuse_ingestion_version",
    ];
    let given = names
        .iter()
        .find_map(|name| headers.get(*name))?
        .to_str()
        .unwrap_or_default();
    if given
        .trim()
        .parse::<f64>()
        .is_ok_and(|version| version <= 4.0)
    {
        return None;
    }
    Some(format!(
        "Unsupported x-langfuse-ingestion-version: \"{given}\". Maximum supported: \"4\"."
    ))
}

fn projects(_: &HeaderMap, _: Result<&Bytes, &str>) -> Routed {
    let project = json!({
        "id": PROJECT_ID,
        "name": "testkit",
        "organization": { "id": "testkit-organization", "name": "testkit" },
        "metadata": {},
    });
    Routed::answer(StatusCode::OK, json!({ "data": [project] }))
}

fn score(_: &HeaderMap, body: Result<&Bytes, &str>) -> Routed {
    let Some(score) = object(body) else {
        return Routed::bad_request("Invalid request data");
    };
    let id = score
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or("testkit-score");
    Routed::answer(StatusCode::OK, json!({ "id": id }))
}

fn ingestion(_: &HeaderMap, body: Result<&Bytes, &str>) -> Routed {
    let batch = object(body);
    let Some(events) = batch
        .as_ref()
        .and_then(|batch| batch.get("batch"))
        .and_then(Value::as_array)
    else {
        return Routed::bad_request("Invalid request data");
    };
    let successes: Vec<Value> = events
        .iter()
        .map(|event| json!({ "id": event.get("id"), "status": 201 }))
        .collect();
    Routed::answer(
        StatusCode::MULTI_STATUS,
        json!({ "successes": successes, "errors": [] }),
    )
}

fn object(body: Result<&Bytes, &str>) -> Option<Value> {
    serde_json::from_slice(body.ok()?)
        .ok()
        .filter(Value::is_object)
}

fn contains(headers: &HeaderMap, name: header::HeaderName, part: &str) -> bool {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains(part))
}
