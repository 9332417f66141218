//! The in-process Langfuse answers as the server does, keeps everything, and misbehaves on command.

use std::io::{ErrorKind, Write};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use serde_json::{Value, json};
use warmspan::testkit::langfuse::{Fault, Langfuse, Value as Attribute};

use crate::testkit_http::{Answer, Connection};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

#[tokio::test]
async fn protobuf_and_json_are_read_gzip_or_not() {
    let langfuse = Langfuse::start().await.unwrap();
    let mut client = Client::new(&langfuse);
    let sent = [
        (PROTOBUF, protobuf("a", "1111111111111111")),
        (
            JSON,
            export("b", "2222222222222222").to_string().into_bytes(),
        ),
    ];
    for (content_type, body) in sent {
        let plain = client.traces(&[content_type], &body);
        assert_eq!(
            (plain.status, plain.text().as_str()),
            (200, r#"{"message":"OK"}"#)
        );
        let zipped = client.traces(&[content_type, GZIP], &gzip(&body));
        assert_eq!(
            (zipped.status, zipped.header("content-type")),
            (200, Some("application/json"))
        );
    }
    let names: Vec<_> = langfuse
        .observations()
        .into_iter()
        .map(|o| o.name)
        .collect();
    assert_eq!(names, ["a", "a", "b", "b"]);
    assert_eq!(langfuse.traces().len(), 1, "both spans are of one trace");
    assert_eq!(
        langfuse.traces()[0].observations().len(),
        2,
        "sent twice, counted once"
    );
    assert_eq!(langfuse.connections(), 1);
}

#[tokio::test]
async fn a_span_is_read_as_an_observation() {
    let langfuse = Langfuse::start().await.unwrap();
    let before = SystemTime::now();
    Client::new(&langfuse).traces(
        &[JSON],
        export("llm", "1111111111111111").to_string().as_bytes(),
    );

    let observation = langfuse.observations().remove(0);
    assert_eq!(observation.trace_id, "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(observation.span_id, "1111111111111111");
    assert_eq!(observation.parent_span_id, None);
    assert_eq!(
        (observation.name.as_str(), observation.as_type.as_str()),
        ("llm", "generation")
    );
    assert_eq!(observation.level, "ERROR", "from the status");
    assert_eq!(observation.status_message.as_deref(), Some("boom"));
    assert_eq!(observation.model.as_deref(), Some("gpt-5-mini"));
    assert_eq!(observation.usage.get("input"), Some(&23));
    assert_eq!(observation.input.as_deref(), Some("hi"));
    assert_eq!(observation.duration(), Duration::from_millis(640));
    assert_eq!(
        observation.time_to_first_token(),
        Some(Duration::from_millis(210))
    );
    assert_eq!(observation.int("n"), Some(42));
    assert_eq!(observation.bool("yes"), Some(true));
    assert_eq!(observation.attributes["x"], Attribute::Double(0.5));
    assert_eq!(
        observation.attributes["list"],
        Attribute::Array(vec![Attribute::Text("a".to_owned())])
    );
    assert_eq!(
        observation.resource["service.name"],
        Attribute::Text("chat".to_owned())
    );
    assert_eq!(
        (observation.scope_name.as_str(), observation.kind),
        ("warmspan", "client")
    );
    assert_eq!(
        observation.links[0].trace_id,
        "1af7651916cd43dd8448eb211c80319c"
    );
    assert_eq!(observation.events[0].name, "retry");
    assert!(observation.received_at.system_time() >= before);
}

#[tokio::test]
async fn without_the_right_keys_it_is_401() {
    let langfuse = Langfuse::start().await.unwrap();
    let mut connection = Connection::open(&langfuse.base_url()).unwrap();
    let mut post = |headers: &[(&str, &str)]| {
        let answer = connection
            .post("/api/public/otel/v1/traces", headers, b"")
            .unwrap();
        (
            answer.status,
            json(&answer)["message"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(
        post(&[PROTOBUF]),
        (401, "No authorization header".to_owned())
    );
    assert_eq!(
        post(&[("authorization", "Bearer x")]),
        (401, "Invalid authorization header".to_owned())
    );
    let (status, message) = post(&[("authorization", "Basic eDp5")]);
    assert_eq!(
        (status, message.starts_with("Invalid credentials.")),
        (401, true)
    );
}

#[tokio::test]
async fn what_the_server_refuses_is_refused_in_its_words() {
    let langfuse = Langfuse::start().await.unwrap();
    let mut client = Client::new(&langfuse);
    let mut refused = |headers: &[(&str, &str)], body: &[u8]| {
        let answer = client.traces(headers, body);
        assert_eq!(answer.status, 400);
        json(&answer)["error"].as_str().unwrap().to_owned()
    };
    let good = protobuf("a", "1111111111111111");
    let version = |version| ("x-langfuse-ingestion-version", version);

    assert_eq!(refused(&[], &good), "Invalid content type");
    assert_eq!(
        refused(&[PROTOBUF, GZIP], &good),
        "Failed to decompress request body"
    );
    assert_eq!(
        refused(&[PROTOBUF], b"\xff\xff"),
        "Failed to parse OTel Protobuf Trace"
    );
    assert_eq!(refused(&[JSON], b"{"), "Failed to parse OTel JSON Trace");
    assert_eq!(
        refused(&[PROTOBUF, version("5")], &good),
        "Unsupported x-langfuse-ingestion-version: \"5\". Maximum supported: \"4\"."
    );
    assert!(refused(&[PROTOBUF, version("latest")], &good).starts_with("Unsupported"));
    assert!(refused(&[PROTOBUF], &protobuf("a", "")).contains("1 without spanId"));
    assert_eq!(langfuse.observations().len(), 0);
    assert_eq!(langfuse.requests().len(), 7);

    assert_eq!(client.traces(&[PROTOBUF, version("4")], &good).status, 200);
    assert_eq!(
        client.traces(&[PROTOBUF], b"").status,
        200,
        "nothing to accept"
    );
}

#[tokio::test]
async fn the_other_routes_answer_too_and_unknown_ones_are_kept() {
    let langfuse = Langfuse::start().await.unwrap();
    let mut client = Client::new(&langfuse);
    let mut send = |method, path, body: &str| {
        let answer = client.send(method, path, &[JSON], body.as_bytes());
        (answer.status, json(&answer))
    };
    let (status, projects) = send("GET", "/api/public/projects", "");
    assert_eq!(
        (status, projects["data"][0]["id"].as_str()),
        (200, Some(langfuse.project_id()))
    );
    assert_eq!(
        send("POST", "/api/public/scores", r#"{"id":"s1","name":"n"}"#),
        (200, json!({ "id": "s1" }))
    );
    assert_eq!(
        send(
            "POST",
            "/api/public/ingestion",
            r#"{"batch":[{"id":"e1"}]}"#
        )
        .0,
        207
    );
    assert_eq!(send("GET", "/api/public/otel/v1/traces", "").0, 405);
    assert_eq!(send("POST", "/api/public/nonsense?q=1", "lost").0, 404);
    let last = langfuse.requests().pop().unwrap();
    assert_eq!(
        (last.path.as_str(), last.status),
        ("/api/public/nonsense?q=1", Some(404))
    );
    assert_eq!(last.body, "lost");
}

#[tokio::test]
async fn faults_are_committed_and_forgotten() {
    let langfuse = Langfuse::start().await.unwrap();
    let body = protobuf("a", "1111111111111111");
    let mut client = Client::new(&langfuse);
    langfuse.answer_next(
        1,
        &Fault::Status {
            code: 429,
            retry_after: Some(Duration::from_secs(3)),
        },
    );
    langfuse.answer(Fault::status(503));

    let limited = client.traces(&[PROTOBUF], &body);
    assert_eq!(
        (limited.status, limited.header("retry-after")),
        (429, Some("3"))
    );
    assert_eq!(
        [
            client.traces(&[PROTOBUF], &body).status,
            client.traces(&[PROTOBUF], &body).status
        ],
        [503; 2]
    );
    assert_eq!(langfuse.observations().len(), 0);
    langfuse.recover();
    assert_eq!(client.traces(&[PROTOBUF], &body).status, 200);
    assert_eq!(langfuse.observations().len(), 1);
    let statuses: Vec<_> = langfuse
        .requests()
        .iter()
        .map(|received| received.status)
        .collect();
    assert_eq!(statuses, [Some(429), Some(503), Some(503), Some(200)]);
}

#[tokio::test]
async fn connections_are_cut_closed_refused_and_welcome_again() {
    let langfuse = Langfuse::start().await.unwrap();
    let body = protobuf("a", "1111111111111111");

    langfuse.answer_next(1, &Fault::CloseBeforeResponse);
    let cut = Client::new(&langfuse)
        .try_traces(&[PROTOBUF], &body)
        .err()
        .unwrap();
    assert!(
        matches!(
            cut.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
        ),
        "{cut}"
    );
    assert_eq!(langfuse.requests()[0].status, None);

    let mut idle = Client::new(&langfuse);
    assert_eq!(idle.traces(&[PROTOBUF], &body).status, 200);
    langfuse.close_idle_connections();
    assert!(idle.connection.is_closed());
    let mut later = Client::new(&langfuse);
    assert_eq!(
        [
            later.traces(&[PROTOBUF], &body).status,
            later.traces(&[PROTOBUF], &body).status
        ],
        [200; 2]
    );

    langfuse.stop().await;
    assert_eq!(
        Connection::open(&langfuse.base_url()).err().unwrap().kind(),
        ErrorKind::ConnectionRefused
    );
    langfuse.restart().await.unwrap();
    assert_eq!(
        Client::new(&langfuse).traces(&[PROTOBUF], &body).status,
        200
    );
    assert_eq!(langfuse.observations().len(), 4);
    assert_eq!(langfuse.connections(), 4);
}

#[tokio::test]
async fn a_hang_keeps_the_request_and_a_slow_answer_its_spans() {
    let langfuse = Langfuse::start().await.unwrap();
    langfuse.answer_next(1, &Fault::Hang);
    langfuse.answer_next(1, &Fault::Slow(Duration::from_millis(50)));
    let mut hanging = Client::new(&langfuse);
    let waiting = std::thread::spawn(move || {
        hanging
            .try_traces(&[PROTOBUF], &protobuf("h", "1111111111111111"))
            .is_err()
    });
    while langfuse.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let began = std::time::Instant::now();
    assert_eq!(
        Client::new(&langfuse)
            .traces(&[PROTOBUF], &protobuf("s", "2222222222222222"))
            .status,
        200
    );
    assert!(began.elapsed() >= Duration::from_millis(50));
    let names: Vec<_> = langfuse
        .observations()
        .into_iter()
        .map(|o| o.name)
        .collect();
    assert_eq!(names, ["s"]);
    langfuse.stop().await;
    assert!(waiting.join().unwrap(), "the hanging client is cut off");
}

#[tokio::test]
async fn a_partial_success_has_the_encoding_of_the_request() {
    let langfuse = Langfuse::start().await.unwrap();
    let mut client = Client::new(&langfuse);
    langfuse.answer(Fault::PartialSuccess { rejected: 1 });
    let binary = client.traces(&[PROTOBUF], &protobuf("a", "1111111111111111"));
    let rejected = ExportTraceServiceResponse::decode(binary.body.as_slice())
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(rejected.rejected_spans, 1);
    let text = client.traces(
        &[JSON],
        export("b", "2222222222222222").to_string().as_bytes(),
    );
    assert_eq!(json(&text)["partialSuccess"]["rejectedSpans"], "1");
}

#[tokio::test]
async fn spans_are_waited_for() {
    let langfuse = Langfuse::start().await.unwrap();
    let mut client = Client::new(&langfuse);
    let sender = std::thread::spawn(move || {
        for id in ["1111111111111111", "1111111111111111", "2222222222222222"] {
            client.traces(&[PROTOBUF], &protobuf("a", id));
        }
    });
    assert_eq!(
        langfuse
            .wait_for_spans(2, Duration::from_secs(20))
            .await
            .unwrap()
            .len(),
        3
    );
    sender.join().unwrap();
    let few = langfuse
        .wait_for_spans(3, Duration::from_millis(20))
        .await
        .unwrap_err();
    assert_eq!(few.to_string(), "2 of 3 spans arrived within 20ms");
}

#[tokio::test]
async fn a_secret_is_found_wherever_it_is() {
    let langfuse = Langfuse::start().await.unwrap();
    let mut client = Client::new(&langfuse);
    client.traces(
        &[PROTOBUF, GZIP, ("x-note", "in-a-header")],
        &gzip(&protobuf("in-a-body", "1111111111111111")),
    );
    client.send("GET", "/anywhere?in-a-query", &[], b"");
    for secret in ["in-a-header", "in-a-body", "in-a-query"] {
        assert!(langfuse.contains(secret), "{secret}");
    }
    assert!(!langfuse.contains("nowhere"));
}

/// A client with the right keys.
struct Client {
    connection: Connection,
    authorization: String,
}

impl Client {
    fn new(langfuse: &Langfuse) -> Self {
        let keys = format!("{}:{}", langfuse.public_key(), langfuse.secret_key());
        Self {
            connection: Connection::open(&langfuse.base_url()).unwrap(),
            authorization: format!("Basic {}", BASE64_STANDARD.encode(keys)),
        }
    }

    fn traces(&mut self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_traces(headers, body).unwrap()
    }

    fn try_traces(&mut self, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<Answer> {
        let headers = [headers, &[("authorization", self.authorization.as_str())]].concat();
        self.connection
            .post("/api/public/otel/v1/traces", &headers, body)
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers = [headers, &[("authorization", self.authorization.as_str())]].concat();
        self.connection.send(method, path, &headers, body).unwrap()
    }
}

/// A generation as OTLP/JSON.
fn export(name: &str, span_id: &str) -> Value {
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    json!({ "resourceSpans": [{
        "resource": { "attributes": [text("service.name", "chat")] },
        "scopeSpans": [{
            "scope": { "name": "warmspan", "version": "0.1.0" },
            "spans": [{
                "traceId": "0af7651916cd43dd8448eb211c80319c",
                "spanId": span_id,
                "name": name,
                "kind": 3,
                "startTimeUnixNano": "1795334400000000000",
                "endTimeUnixNano": "1795334400640000000",
                "attributes": [
                    text("langfuse.observation.type", "generation"),
                    text("langfuse.observation.input", "hi"),
                    text("langfuse.observation.model.name", "gpt-5-mini"),
                    text("langfuse.observation.usage_details", r#"{"input":23,"output":118}"#),
                    text("langfuse.observation.completion_start_time", "\"2026-11-22T08:00:00.210Z\""),
                    { "key": "n", "value": { "intValue": "42" } },
                    { "key": "yes", "value": { "boolValue": true } },
                    { "key": "x", "value": { "doubleValue": 0.5 } },
                    { "key": "list", "value": { "arrayValue": { "values": [{ "stringValue": "a" }] } } },
                ],
                "links": [{ "traceId": "1af7651916cd43dd8448eb211c80319c", "spanId": "3333333333333333" }],
                "events": [{ "name": "retry", "timeUnixNano": "1795334400100000000" }],
                "status": { "code": 2, "message": "boom" },
            }],
        }],
    }] })
}

fn protobuf(name: &str, span_id: &str) -> Vec<u8> {
    let export: ExportTraceServiceRequest = serde_json::from_value(export(name, span_id)).unwrap();
    export.encode_to_vec()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}
