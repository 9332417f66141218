//! Calls of rig.

use futures_util::StreamExt as _;
use rig_core::{
    completion::CompletionRequest,
    providers::openai::{OpenAI, OpenAIConfig},
};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::{
    chat::{BUCKETS, streamed, whole},
    stage::{Stage, generation},
};

fn client(stage: &Stage) -> OpenAI {
    let mut config = OpenAIConfig::new("test");
    config.base_url = format!("{}/v1", stage.url());
    warmspan_clients::rig(config.client(), reqwest::Client::new())
}

fn question() -> CompletionRequest {
    CompletionRequest::new("Capital of Peru?").temperature(0.2)
}

#[tokio::test]
async fn a_call_is_a_generation() {
    let stage = Stage::new(vec![whole()]).await;
    let model = client(&stage).chat("gpt-5-mini");
    let (response, trace) = stage
        .observe(async { model.call(question()).await })
        .await;

    assert_eq!(response.unwrap().text(), "Lima");
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat gpt-5-mini [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.input.as_deref(), Some("Capital of Peru?"));
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    for (bucket, tokens) in BUCKETS {
        assert_eq!(generation.usage[bucket], tokens, "{bucket}");
    }
}

#[tokio::test]
async fn a_stream_is_whole_at_its_end() {
    let stage = Stage::new(vec![streamed()]).await;
    let model = client(&stage).chat("gpt-5-mini");
    let (count, trace) = stage
        .observe(async { model.stream(question()).unwrap().count().await })
        .await;

    assert!(count > 0);
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat gpt-5-mini [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.output.as_deref(), Some("Lima"));
    assert_eq!(generation.usage["output_reasoning_tokens"], 4);
}

#[tokio::test]
async fn with_its_own_spans_the_call_is_still_counted_once() {
    let stage = Stage::new(vec![whole()]).await;
    let layer = tracing_subscriber::registry().with(stage.sdk().tracing_layer());
    let _listening = tracing::subscriber::set_default(layer);
    let model = client(&stage).chat("gpt-5-mini");
    let (response, trace) = stage
        .observe(async { model.call(question()).await })
        .await;

    assert!(response.is_ok());
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat [span]\n   └─ chat gpt-5-mini [generation]\n"
    );
    let wrapper = trace.children(trace.root().unwrap())[0];
    assert!(wrapper.usage.is_empty() && wrapper.model.is_none());
}
