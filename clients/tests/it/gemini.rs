//! Calls of gemini-rust.

#![allow(
    deprecated,
    reason = "gemini-rust calls `generateContent` so; its successor is another API"
)]

use futures_util::StreamExt as _;
use gemini_rust::{ContentBuilder, Gemini};
use serde_json::{Value, json};

use crate::{
    provider_replay::{event, json as answer, stream_head},
    stage::{Stage, generation},
};

const MODEL: &str = "models/gemini-2.5-flash";

fn question(stage: &Stage) -> ContentBuilder {
    let url = format!("{}/v1beta/", stage.url()).parse().unwrap();
    let model = MODEL.to_owned();
    let client = Gemini::with_model_and_base_url("test", model, url).unwrap();
    client
        .generate_content()
        .with_user_message("Capital of Peru?")
}

fn content(text: &str, reason: Option<&str>) -> Value {
    let mut candidate = json!({
        "content": { "role": "model", "parts": [{ "text": text }] }, "index": 0,
    });
    if let Some(reason) = reason {
        candidate["finishReason"] = reason.into();
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": 12, "candidatesTokenCount": 2, "totalTokenCount": 14,
        },
        "modelVersion": "gemini-2.5-flash", "responseId": "r1",
    })
}

#[tokio::test]
async fn a_call_is_a_generation() {
    let stage = Stage::new(vec![answer(200, &content("Lima", Some("STOP")))]).await;
    let question = question(&stage);
    let (response, trace) = stage
        .observe(async { warmspan_clients::gemini("gemini-2.5-flash", question).await })
        .await;

    assert_eq!(response.unwrap().text(), "Lima");
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ generate_content gemini-2.5-flash [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.input.as_deref(), Some("Capital of Peru?"));
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(generation.usage["total"], 14);
}

#[tokio::test]
async fn a_stream_is_whole_at_its_end() {
    let pieces = vec![
        stream_head(),
        event(&content("Li", None)),
        event(&content("ma", Some("STOP"))),
    ];
    let stage = Stage::new(vec![pieces]).await;
    let question = question(&stage);
    let (count, trace) = stage
        .observe(async {
            let stream = warmspan_clients::gemini_stream("gemini-2.5-flash", question).await;
            stream.unwrap().count().await
        })
        .await;

    assert_eq!(count, 2);
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ generate_content gemini-2.5-flash [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(generation.usage["total"], 14);
}
