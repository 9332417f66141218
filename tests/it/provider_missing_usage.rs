//! Streamed chats that say nothing of their tokens: one warning, and the line that mends it.

use std::{
    io,
    sync::{Arc, Mutex},
};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use warmspan::openai::async_openai::types::chat;

use crate::{
    provider_replay::{Piece, event, stream_head},
    provider_stage::{Stage, generation},
};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Collects what this thread logs, tasks of its runtime included.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn warnings(&self) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = log
            .lines()
            .filter(|line| line.contains("WARN") && line.contains("stream"));
        lines.map(str::to_owned).collect()
    }
}

fn stream(usage: Option<Value>) -> Vec<Piece> {
    let chunk = |delta: Value, reason: Option<&str>| {
        json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }],
        })
    };
    let mut pieces = vec![
        stream_head(),
        event(&chunk(json!({ "content": "Lima" }), None)),
        event(&chunk(json!({}), Some("stop"))),
    ];
    if let Some(usage) = usage {
        let mut last = chunk(json!({}), None);
        last["choices"] = json!([]);
        last["usage"] = usage;
        pieces.push(event(&last));
    }
    pieces.push(event(&"[DONE]"));
    pieces
}

fn question() -> chat::CreateChatCompletionRequest {
    let question = chat::ChatCompletionRequestUserMessageArgs::default()
        .content("Capital of Peru?")
        .build()
        .unwrap();
    chat::CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .messages([question.into()])
        .build()
        .unwrap()
}

#[tokio::test]
async fn one_warning_names_the_fix_however_many_streams_there_are() {
    let log = Log::default();
    let _listening = log.listen();
    let stage = Stage::new(vec![stream(None)]).await;
    let client = stage.client();
    let (_, trace) = stage
        .observe(async {
            for _ in 0..3 {
                let stream = client.chat().create_stream(question()).await;
                stream.unwrap().count().await;
            }
        })
        .await;

    let warnings = log.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for named in [
        "gpt-4o-mini",
        "include_usage()",
        "stream_options.include_usage",
    ] {
        assert!(warnings[0].contains(named), "{warnings:?}");
    }
    for call in trace.children(trace.root().unwrap()) {
        // Langfuse counts tokens by itself unless it is told that there are none.
        assert_eq!(call.usage.get("total"), Some(&0));
        assert_eq!(
            call.text("langfuse.observation.metadata.usage_source"),
            Some("missing")
        );
    }
}

#[tokio::test]
async fn one_line_asks_for_the_usage() {
    let log = Log::default();
    let _listening = log.listen();
    let usage = json!({ "prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14 });
    let stage = Stage::new(vec![stream(Some(usage))]).await;
    let client = warmspan::openai::layer()
        .include_usage()
        .client(stage.config());
    let (_, trace) = stage
        .observe(async {
            let stream = client.chat().create_stream(question()).await;
            stream.unwrap().count().await
        })
        .await;

    assert!(stage.provider.requests()[0].contains(r#""stream_options":{"include_usage":true}"#));
    assert_eq!(generation(&trace).usage["total"], 14);
    assert!(log.warnings().is_empty());
}
