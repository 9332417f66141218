//! Spans to OTLP protobuf, by `opentelemetry-otlp`.
//!
//! The exporter is given an HTTP client that keeps the body and answers at once, so one poll
//! encodes a batch and nothing leaves. Only the body is taken: the exporter adds ambient
//! `OTEL_EXPORTER_OTLP_HEADERS` to its request, which may be another back-end's secret.

use std::{
    io::Read as _,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use flate2::read::GzDecoder;
use futures_util::FutureExt as _;
use http::{Request, Response, header::CONTENT_ENCODING};
use opentelemetry::Context;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};

/// Encodes batches of spans.
#[derive(Debug)]
pub(crate) struct Encoder {
    exporter: Mutex<SpanExporter>,
    body: Arc<CapturedBody>,
}

impl Encoder {
    /// `None` if the exporter refuses to be built, which its options do not allow.
    pub(crate) fn new(resource: &Resource) -> Option<Self> {
        let body = Arc::new(CapturedBody::default());
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(Arc::clone(&body) as Arc<dyn HttpClient>)
            .with_protocol(Protocol::HttpBinary)
            // Set although nothing connects there: else the environment names one.
            .with_endpoint("http://localhost/v1/traces")
            .with_retry_policy(RetryPolicy::disabled())
            .with_max_request_body_size(usize::MAX)
            .build()
            .ok()?;
        exporter.set_resource(resource);
        Some(Self {
            exporter: Mutex::new(exporter),
            body,
        })
    }

    /// The protobuf of one `ExportTraceServiceRequest`. Such bodies may be concatenated.
    /// `None` if the spans could not be encoded.
    pub(crate) fn encode(&self, spans: Vec<SpanData>) -> Option<Bytes> {
        // One batch at a time, since the exporter hands its body over by way of `self.body`.
        let exporter = self.exporter.lock().ok()?;
        let _no_telemetry_of_telemetry = Context::enter_telemetry_suppressed_scope();
        exporter.export(spans).now_or_never()?.ok()?;
        self.body.take()
    }
}

/// The "HTTP client" that keeps what it should send.
#[derive(Debug, Default)]
struct CapturedBody(Mutex<Option<Request<Bytes>>>);

impl CapturedBody {
    fn take(&self) -> Option<Bytes> {
        let request = self.0.lock().ok()?.take()?;
        // `OTEL_EXPORTER_OTLP_COMPRESSION` compresses whenever somebody in the dependency graph
        // turns on the exporter's feature; compressed bodies cannot be concatenated.
        match request.headers().get(CONTENT_ENCODING) {
            None => Some(request.into_body()),
            Some(encoding) if encoding == "gzip" => {
                let mut plain = Vec::new();
                GzDecoder::new(request.body().as_ref())
                    .read_to_end(&mut plain)
                    .ok()?;
                Some(plain.into())
            }
            Some(_) => None,
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for CapturedBody {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        if let Ok(mut body) = self.0.lock() {
            *body = Some(request);
        }
        Ok(Response::new(Bytes::new()))
    }
}
