//! Calls of genai, which tells of them in spans of its own.

use futures_util::StreamExt as _;
use genai::{
    Client, ModelIden, ServiceTarget,
    adapter::AdapterKind,
    chat::{ChatMessage, ChatOptions, ChatRequest},
    resolver::{AuthData, Endpoint, ServiceTargetResolver},
};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::{
    chat::{BUCKETS, streamed, whole},
    stage::{Stage, generation},
};

fn client(stage: &Stage) -> Client {
    let url = format!("{}/v1/", stage.url());
    let resolver = ServiceTargetResolver::from_resolver_fn(
        move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
            Ok(ServiceTarget {
                endpoint: Endpoint::from_owned(url.clone()),
                auth: AuthData::from_single("test"),
                model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
            })
        },
    );
    Client::builder()
        .with_service_target_resolver(resolver)
        .build()
        .unwrap()
}

fn question() -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user("Capital of Peru?")])
}

fn listen(stage: &Stage) -> tracing::subscriber::DefaultGuard {
    let layer = tracing_subscriber::registry().with(stage.sdk().tracing_layer());
    tracing::subscriber::set_default(layer)
}

#[tokio::test]
async fn a_call_is_a_generation() {
    let stage = Stage::new(vec![whole()]).await;
    let _listening = listen(&stage);
    let client = client(&stage);
    let (response, trace) = stage
        .observe(async { client.exec_chat("gpt-4o-mini", question(), None).await })
        .await;

    assert!(response.is_ok());
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat gpt-4o-mini [generation]\n"
    );
    let generation = generation(&trace);
    for (bucket, tokens) in BUCKETS {
        assert_eq!(generation.usage[bucket], tokens, "{bucket}");
    }
}

#[tokio::test]
async fn a_stream_is_whole_at_its_end() {
    let stage = Stage::new(vec![streamed()]).await;
    let _listening = listen(&stage);
    let client = client(&stage);
    let (count, trace) = stage
        .observe(async {
            let options = ChatOptions::default().with_capture_usage(true);
            let stream = client.exec_chat_stream("gpt-4o-mini", question(), Some(&options));
            stream.await.unwrap().stream.count().await
        })
        .await;

    assert!(count > 0);
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ chat gpt-4o-mini [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.usage["output_reasoning_tokens"], 4);
    assert!(generation.completion_start.is_some());
}
