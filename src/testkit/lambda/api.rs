//! The Runtime API and the Extensions API: HTTP to messages.

use bytes::Bytes;
use futures_util::future::pending;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response as HttpResponse, StatusCode,
};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::emulator::Record;
use super::invocation::{FunctionError, Response};
use crate::testkit::Moment;
use crate::testkit::loopback::{self, Answer, Body, Hangup};
use crate::testkit::shared::Shared;

/// What a process asks of its environment.
pub(super) enum Call {
    /// The runtime wants its next event.
    Next { reply: Reply<Event> },
    /// The runtime has a result.
    Result {
        answered: Answered,
        reply: Reply<()>,
    },
    /// The runtime could not initialise.
    InitError {
        error: FunctionError,
        reply: Reply<()>,
    },
    /// An extension registers, and is told its id.
    Register {
        name: String,
        events: Vec<String>,
        reply: Reply<String>,
    },
    /// An extension wants its next event.
    ExtensionNext { id: String, reply: Reply<Value> },
    /// An extension gives up.
    ExtensionError { id: String, reply: Reply<()> },
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// An event as the runtime gets it.
pub(super) struct Event {
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
}

/// What the runtime answered to an event.
pub(super) struct Answered {
    pub(super) request_id: String,
    pub(super) started: Moment,
    pub(super) at: Moment,
    pub(super) response: Response,
    pub(super) result: Result<Bytes, FunctionError>,
}

/// Why a call is not allowed.
#[derive(Clone, Copy)]
pub(super) struct Refusal {
    status: StatusCode,
    error_type: &'static str,
    message: &'static str,
}

impl Refusal {
    pub(super) const UNKNOWN_PATH: Self = Self::new(
        StatusCode::NOT_FOUND,
        "NotFound",
        "the emulator does not know this path",
    );
    pub(super) const UNKNOWN_REQUEST: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "InvalidRequestID",
        "no invocation with this request id is waiting for a result",
    );
    pub(super) const UNKNOWN_EXTENSION: Self = Self::new(
        StatusCode::FORBIDDEN,
        "Extension.UnknownExtensionIdentifier",
        "no extension has registered with this Lambda-Extension-Identifier",
    );
    pub(super) const TOO_EARLY: Self = Self::new(
        StatusCode::FORBIDDEN,
        "InvalidStateTransition",
        "the runtime asked for its next event before it had answered the last one",
    );
    pub(super) const TOO_LATE: Self = Self::new(
        StatusCode::FORBIDDEN,
        "InvalidStateTransition",
        "this is possible in INIT only, before the runtime asks for its first event",
    );
    pub(super) const NAME_TAKEN: Self = Self::new(
        StatusCode::FORBIDDEN,
        "Extension.AlreadyRegistered",
        "an extension of this name has registered already",
    );
    pub(super) const NO_SHUTDOWN: Self = Self::new(
        StatusCode::FORBIDDEN,
        "ShutdownEventNotSupportedForInternalExtension",
        "an internal extension cannot subscribe to SHUTDOWN; it gets SIGTERM",
    );
    const BAD_REGISTRATION: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "InvalidRequestFormat",
        "registering takes a Lambda-Extension-Name header and {\"events\":[...]} of INVOKE and SHUTDOWN",
    );

    const fn new(status: StatusCode, error_type: &'static str, message: &'static str) -> Self {
        Self {
            status,
            error_type,
            message,
        }
    }

    fn response(self) -> HttpResponse<Body> {
        loopback::json(
            self.status,
            &json!({ "errorType": self.error_type, "errorMessage": self.message }),
        )
    }
}

/// What an environment's server needs.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) function_name: String,
    pub(super) calls: mpsc::UnboundedSender<Call>,
    pub(super) record: Shared<Record>,
}

impl Api {
    pub(super) async fn answer(self, request: Request<Incoming>) -> Answer {
        let started = Moment::now();
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Hangup)?;
        let at = Moment::now();
        let request = Parsed {
            headers: head.headers,
            trailers: body.trailers().cloned().unwrap_or_default(),
            body: body.to_bytes(),
            started,
            at,
        };
        match self.route(&head.method, head.uri.path(), request).await? {
            Ok(response) => Ok(response),
            Err(refusal) => {
                let refused = format!("{} {}: {}", head.method, head.uri.path(), refusal.message);
                self.record.lock().refused.push(refused);
                Ok(refusal.response())
            }
        }
    }

    async fn route(
        &self,
        method: &Method,
        path: &str,
        request: Parsed,
    ) -> Result<Result<HttpResponse<Body>, Refusal>, Hangup> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let answer = match (method.as_str(), segments.as_slice()) {
            ("GET", ["2018-06-01", "runtime", "invocation", "next"]) => {
                self.ask(|reply| Call::Next { reply }).await?.map(event)
            }
            ("POST", ["2018-06-01", "runtime", "invocation", id, "response"]) => {
                let answered = request.response(id);
                self.ask(|reply| Call::Result { answered, reply })
                    .await?
                    .map(accepted)
            }
            ("POST", ["2018-06-01", "runtime", "invocation", id, "error"]) => {
                let answered = request.error(id);
                self.ask(|reply| Call::Result { answered, reply })
                    .await?
                    .map(accepted)
            }
            ("POST", ["2018-06-01", "runtime", "init" | "restore", "error"]) => {
                let error = request.function_error();
                self.ask(|reply| Call::InitError { error, reply })
                    .await?
                    .map(accepted)
            }
            // The snapshot is taken and restored in no time.
            ("GET", ["2018-06-01", "runtime", "restore", "next"]) => {
                Ok(loopback::json(StatusCode::OK, &json!({})))
            }
            ("POST", ["2020-01-01", "extension", "register"]) => match request.registration() {
                Some((name, events)) => self
                    .ask(|reply| Call::Register {
                        name,
                        events,
                        reply,
                    })
                    .await?
                    .map(|id| registered(&self.function_name, &id)),
                None => Err(Refusal::BAD_REGISTRATION),
            },
            ("GET", ["2020-01-01", "extension", "event", "next"]) => {
                let id = request.text("lambda-extension-identifier");
                self.ask(|reply| Call::ExtensionNext { id, reply })
                    .await?
                    .map(|event| extension_event(&event))
            }
            ("POST", ["2020-01-01", "extension", "init" | "exit", "error"]) => {
                let id = request.text("lambda-extension-identifier");
                self.ask(|reply| Call::ExtensionError { id, reply })
                    .await?
                    .map(accepted)
            }
            _ => Err(Refusal::UNKNOWN_PATH),
        };
        Ok(answer)
    }

    /// Asks the environment, and waits for its reply, perhaps through a freeze.
    async fn ask<T>(
        &self,
        call: impl FnOnce(Reply<T>) -> Call,
    ) -> Result<Result<T, Refusal>, Hangup> {
        let (reply, replied) = oneshot::channel();
        // An environment that has ended says nothing more; neither does its server.
        if self.calls.send(call(reply)).is_err() {
            return pending().await;
        }
        replied.await.map_err(|_| Hangup)
    }
}

/// A request read to its end.
struct Parsed {
    headers: HeaderMap,
    trailers: HeaderMap,
    body: Bytes,
    started: Moment,
    at: Moment,
}

impl Parsed {
    /// A header's value; empty where it is absent.
    fn text(&self, name: &str) -> String {
        text(&self.headers, name).unwrap_or_default()
    }

    fn response(self, request_id: &str) -> Answered {
        let streaming = text(&self.headers, "lambda-runtime-function-response-mode");
        let error_type = text(&self.trailers, "lambda-runtime-function-error-type");
        let result = match error_type {
            Some(error_type) => Err(self.stream_error(error_type)),
            None => Ok(self.body),
        };
        let response = Response {
            streaming: streaming.as_deref() == Some("streaming"),
            headers: self.headers,
        };
        Answered {
            request_id: request_id.to_owned(),
            started: self.started,
            at: self.at,
            response,
            result,
        }
    }

    fn error(self, request_id: &str) -> Answered {
        let result = Err(self.function_error());
        let response = Response {
            streaming: false,
            headers: self.headers,
        };
        Answered {
            request_id: request_id.to_owned(),
            started: self.started,
            at: self.at,
            response,
            result,
        }
    }

    /// An error after the response had begun: its type and its base64 report are trailers.
    fn stream_error(&self, error_type: String) -> FunctionError {
        use base64::Engine as _;
        let encoded =
            text(&self.trailers, "lambda-runtime-function-error-body").unwrap_or_default();
        let raw = base64::prelude::BASE64_STANDARD
            .decode(encoded)
            .unwrap_or_default();
        let report: Value = serde_json::from_slice(&raw).unwrap_or_default();
        let message = match report.get("errorMessage").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => String::from_utf8_lossy(&raw).into_owned(),
        };
        FunctionError {
            error_type,
            message,
            raw: raw.into(),
            partial: self.body.clone(),
        }
    }

    fn function_error(&self) -> FunctionError {
        let report: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let field = |name: &str| report.get(name).and_then(Value::as_str).map(str::to_owned);
        let error_type = field("errorType")
            .or_else(|| text(&self.headers, "lambda-runtime-function-error-type"));
        FunctionError {
            error_type: error_type.unwrap_or_else(|| "Unhandled".to_owned()),
            message: field("errorMessage").unwrap_or_default(),
            raw: self.body.clone(),
            partial: Bytes::new(),
        }
    }

    /// The extension's name and what it subscribes to.
    fn registration(&self) -> Option<(String, Vec<String>)> {
        let name = text(&self.headers, "lambda-extension-name").filter(|name| !name.is_empty())?;
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let mut events = Vec::new();
        for event in body.get("events")?.as_array()? {
            match event.as_str()? {
                known @ ("INVOKE" | "SHUTDOWN") => events.push(known.to_owned()),
                _ => return None,
            }
        }
        Some((name, events))
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn event(event: Event) -> HttpResponse<Body> {
    let mut response = loopback::bytes(StatusCode::OK, event.payload);
    *response.headers_mut() = event.headers;
    response
}

fn accepted((): ()) -> HttpResponse<Body> {
    loopback::json(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn registered(function_name: &str, id: &str) -> HttpResponse<Body> {
    let body = json!({ "functionName": function_name, "functionVersion": "$LATEST", "handler": "bootstrap" });
    let mut response = loopback::json(StatusCode::OK, &body);
    if let Ok(id) = HeaderValue::from_str(id) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("lambda-extension-identifier"), id);
    }
    response
}

fn extension_event(event: &Value) -> HttpResponse<Body> {
    let mut response = loopback::json(StatusCode::OK, event);
    response.headers_mut().insert(
        HeaderName::from_static("lambda-extension-event-identifier"),
        HeaderValue::from_static("00000000-0000-4000-8000-000000000000"),
    );
    response
}
