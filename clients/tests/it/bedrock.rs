//! Calls of the AWS SDK's client for Bedrock.

use aws_sdk_bedrockruntime::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region},
    types::{ContentBlock, ConversationRole, ConverseStreamOutput, Message},
};
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message as Frame};
use serde_json::{Value, json};

use crate::{
    provider_replay::{Piece, json as answer},
    stage::{Stage, generation},
};

fn client(stage: &Stage) -> Client {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .endpoint_url(stage.url())
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    warmspan_clients::bedrock(config)
}

fn question() -> Message {
    Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text("Capital of Peru?".to_owned()))
        .build()
        .unwrap()
}

fn usage() -> Value {
    json!({ "inputTokens": 12, "outputTokens": 2, "totalTokens": 14 })
}

fn conversation() -> Value {
    json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": "Lima" }] } },
        "stopReason": "end_turn", "usage": usage(), "metrics": { "latencyMs": 5 },
    })
}

#[tokio::test]
async fn a_call_is_a_generation() {
    let stage = Stage::new(vec![answer(200, &conversation())]).await;
    let client = client(&stage);
    let call = client
        .converse()
        .model_id("amazon.nova-lite-v1:0")
        .messages(question());
    let (response, trace) = stage.observe(call.send()).await;

    assert_eq!(response.unwrap().usage().unwrap().total_tokens(), 14);
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat amazon.nova-lite-v1:0 [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.input.as_deref(), Some("Capital of Peru?"));
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(
        generation.text("langfuse.observation.usage_details"),
        Some(r#"{"input":12,"output":2,"total":14}"#)
    );
}

#[tokio::test]
async fn attempts_are_one_generation() {
    let busy = answer(503, &json!({ "message": "busy" }));
    let stage = Stage::new(vec![busy, answer(200, &conversation())]).await;
    let client = client(&stage);
    let call = client.converse().model_id("m").messages(question());
    let (response, trace) = stage.observe(call.send()).await;

    assert!(response.is_ok());
    assert_eq!(trace.outline(), "work [span]\n└─ chat m [generation]\n");
    let attempts = generation(&trace).text("langfuse.observation.metadata.attempts");
    assert_eq!(attempts, Some("2"));
}

#[tokio::test]
async fn the_type_of_an_error_comes_from_its_header() {
    let body = json!({ "message": "no such model" }).to_string();
    let head = format!(
        "HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\nx-amzn-ErrorType: ValidationException:http://x/\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let stage = Stage::new(vec![vec![Piece::Bytes((head + &body).into_bytes())]]).await;
    let client = client(&stage);
    let call = client.converse().model_id("m").messages(question());
    let (response, trace) = stage.observe(call.send()).await;

    assert!(
        response
            .unwrap_err()
            .into_service_error()
            .is_validation_exception()
    );
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat m [generation] ERROR \"no such model\"\n"
    );
    let kind = generation(&trace).text("error.type");
    assert_eq!(kind, Some("ValidationException"));
}

#[tokio::test]
async fn a_stream_is_whole_at_its_end() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nconnection: close\r\n\r\n";
    let delta = |text| json!({ "contentBlockIndex": 0, "delta": { "text": text } });
    let pieces = vec![
        Piece::Bytes(head.as_bytes().to_vec()),
        event("messageStart", &json!({ "role": "assistant" })),
        event("contentBlockDelta", &delta("Li")),
        event("contentBlockDelta", &delta("ma")),
        event("messageStop", &json!({ "stopReason": "end_turn" })),
        event(
            "metadata",
            &json!({ "usage": usage(), "metrics": { "latencyMs": 5 } }),
        ),
    ];
    let stage = Stage::new(vec![pieces]).await;
    let client = client(&stage);
    let call = client.converse_stream().model_id("m").messages(question());
    let work = async {
        let mut stream = call.send().await.unwrap().stream;
        let mut text = String::new();
        while let Some(event) = stream.recv().await.unwrap() {
            if let ConverseStreamOutput::ContentBlockDelta(event) = event {
                text.push_str(event.delta().unwrap().as_text().unwrap());
            }
        }
        text
    };
    let (text, trace) = stage.observe(work).await;

    assert_eq!(text, "Lima");
    assert_eq!(trace.outline(), "work [span]\n└─ chat m [generation]\n");
    let generation = generation(&trace);
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(generation.usage["total"], 14);
    assert!(generation.time_to_first_token().is_some());
}

fn event(kind: &str, payload: &Value) -> Piece {
    let mut frame = Frame::new(payload.to_string().into_bytes());
    for (name, value) in [
        (":message-type", "event"),
        (":event-type", kind),
        (":content-type", "application/json"),
    ] {
        let value = HeaderValue::String(value.to_owned().into());
        frame = frame.add_header(Header::new(name.to_owned(), value));
    }
    let mut bytes = Vec::new();
    write_message_to(&frame, &mut bytes).unwrap();
    Piece::Bytes(bytes)
}
