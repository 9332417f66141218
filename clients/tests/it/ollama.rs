//! Calls of ollama-rs.

use futures_util::StreamExt as _;
use ollama_rs::{
    Ollama,
    generation::chat::{ChatMessage, request::ChatMessageRequest},
};
use serde_json::{Value, json};

use crate::{
    provider_replay::{Piece, json as answer},
    stage::{Stage, generation},
};

fn client(stage: &Stage) -> Ollama {
    Ollama::try_new(stage.url()).unwrap()
}

fn question() -> ChatMessageRequest {
    ChatMessageRequest::new(
        "llama3".to_owned(),
        vec![ChatMessage::user("Capital of Peru?".to_owned())],
    )
}

fn line(content: &str, done: bool) -> Value {
    let mut line = json!({
        "model": "llama3", "created_at": "2025-01-01T00:00:00Z", "done": done,
        "message": { "role": "assistant", "content": content },
    });
    if done {
        for key in [
            "total_duration",
            "load_duration",
            "prompt_eval_duration",
            "eval_duration",
        ] {
            line[key] = json!(1);
        }
        line["done_reason"] = json!("stop");
        line["prompt_eval_count"] = json!(12);
        line["eval_count"] = json!(2);
    }
    line
}

#[tokio::test]
async fn a_call_is_a_generation() {
    let stage = Stage::new(vec![answer(200, &line("Lima", true))]).await;
    let client = client(&stage);
    let (response, trace) = stage
        .observe(async { warmspan_clients::ollama(&client, question()).await })
        .await;

    assert_eq!(response.unwrap().message.content, "Lima");
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat llama3 [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.input.as_deref(), Some("Capital of Peru?"));
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(generation.usage["total"], 14);
}

#[tokio::test]
async fn a_stream_is_whole_at_its_end() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\r\n";
    let lines = [line("Li", false), line("ma", false), line("", true)];
    let pieces = [head.to_owned()]
        .into_iter()
        .chain(lines.map(|line| format!("{line}\n")))
        .map(|text| Piece::Bytes(text.into_bytes()));
    let stage = Stage::new(vec![pieces.collect()]).await;
    let client = client(&stage);
    let (count, trace) = stage
        .observe(async {
            let stream = warmspan_clients::ollama_stream(&client, question()).await;
            stream.unwrap().count().await
        })
        .await;

    assert_eq!(count, 3);
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat llama3 [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(generation.usage["total"], 14);
}
