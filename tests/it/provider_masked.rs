//! A program's mask and the texts that a preview cuts: it sees them before the cut.

use serde_json::json;
use warmspan::{Config, ModelCall, ObserveFuture as _, Sdk, testkit::langfuse::Langfuse};

/// Ten characters, of which the cut of tool arguments (200 characters) leaves five.
const SECRET: &str = "ORCHID-777";

#[tokio::test]
async fn a_secret_across_the_cut_of_tool_arguments_is_masked_whole() {
    let arguments = format!("{}{SECRET}, and more", "x".repeat(195));
    let seen = shown(&json!({
        "id": "c", "model": "m", "choices": [{ "index": 0, "finish_reason": "tool_calls",
            "message": { "role": "assistant", "tool_calls": [{
                "id": "t", "type": "function", "function": { "name": "f", "arguments": arguments },
            }] },
        }],
    }))
    .await;
    assert!(seen.contains("x<code"), "{seen}");
    assert!(!seen.contains("ORC"), "{seen}");
}

#[tokio::test]
async fn a_secret_across_the_cut_of_a_system_prompt_is_masked_whole() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = sdk(&langfuse);
    let request = json!({ "model": "m", "messages": [
        { "role": "system", "content": format!("{}{SECRET}, and more", "x".repeat(195)) },
        { "role": "user", "content": "Hi" },
    ] });
    let answer = async { Ok::<_, std::io::Error>(json!({ "id": "c", "choices": [] })) };
    let work = async { ModelCall::openai_chat(&request).run(answer).await };
    let _ = work.observed(sdk.span("work")).await;
    let _ = sdk.force_flush(std::time::Duration::from_secs(5)).await;
    assert!(langfuse.contains("x".repeat(195)));
    assert!(!langfuse.contains("ORC"));
}

fn sdk(langfuse: &Langfuse) -> Sdk {
    let config: Config = langfuse.config();
    Sdk::new(config.mask(|_, text| text.replace(SECRET, "<code>")))
}

/// The output that Langfuse got of a chat.
async fn shown(response: &serde_json::Value) -> String {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = sdk(&langfuse);
    let request = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] });
    let answer = async { Ok::<_, std::io::Error>(response) };
    let work = async { ModelCall::openai_chat(&request).run(answer).await };
    work.observed(sdk.span("work")).await.unwrap();
    let _ = sdk.force_flush(std::time::Duration::from_secs(5)).await;
    let mut observations = langfuse.observations().into_iter();
    let chat = observations.find(|seen| seen.name == "chat m").unwrap();
    chat.output.unwrap()
}

#[tokio::test]
async fn a_mask_may_make_a_model_call_of_its_own() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let langfuse = Langfuse::start().await.unwrap();
    let is_first = AtomicBool::new(true);
    let sdk = Sdk::new(langfuse.config().mask(move |_, text| {
        if is_first.swap(false, Ordering::Relaxed) {
            let inner = json!({ "model": "guard", "messages": [] });
            drop(ModelCall::openai_chat(&inner));
            let _ = warmspan::Observation::current().map(|current| current.is_recording());
        }
        text.to_owned()
    }));
    let base = crate::provider_replay::Replay::start(vec![Vec::new()]).await;
    let client = reqwest_middleware::ClientBuilder::new(crate::provider_stage::reqwest_client())
        .with(warmspan::reqwest_middleware())
        .build();
    let request = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }] });
    let work = async {
        let url = format!("{}/chat/completions", base.base_url());
        let _ = client.post(url).body(request.to_string()).send().await;
    };
    work.observed(sdk.span("work")).await;
    let _ = sdk.force_flush(std::time::Duration::from_secs(5)).await;
    let seen = langfuse.observations();
    for name in ["chat m", "chat guard"] {
        assert!(seen.iter().any(|seen| seen.name == name), "{name}");
    }
}
