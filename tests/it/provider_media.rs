//! Calls about sounds and pictures: model and tokens, no content.

use serde_json::json;
use warmspan::testkit::tree::Trace;

use crate::{
    provider_replay::{Piece, json as answer},
    provider_stage::{Stage, generation, reqwest_client},
};

async fn call(path: &str, request: &serde_json::Value, answer: Vec<Piece>) -> (Vec<u8>, Trace) {
    let stage = Stage::new(vec![answer]).await;
    let client = reqwest_middleware::ClientBuilder::new(reqwest_client())
        .with(warmspan::reqwest_middleware())
        .build();
    let url = format!("{}{path}", stage.provider.base_url());
    let send = async {
        let response = client.post(url).body(request.to_string()).send().await;
        response.unwrap().bytes().await.unwrap().to_vec()
    };
    stage.observe(send).await
}

#[tokio::test]
async fn an_image_is_a_generation_with_its_tokens() {
    let response = json!({
        "created": 1, "data": [{ "b64_json": "iVBORw0KGgo" }],
        "usage": { "input_tokens": 50, "output_tokens": 4160, "total_tokens": 4210,
            "input_tokens_details": { "text_tokens": 50, "image_tokens": 0 } },
    });
    let request = json!({ "model": "gpt-image-1", "prompt": "a private cat", "size": "1024x1024" });
    let (_, trace) = call("/images/generations", &request, answer(200, &response)).await;

    assert_eq!(
        trace.outline(),
        "work [span]\n└─ image_generation gpt-image-1 [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.model.as_deref(), Some("gpt-image-1"));
    assert_eq!(
        (generation.usage["input"], generation.usage["output"]),
        (50, 4160)
    );
    assert_eq!((&generation.input, &generation.output), (&None, &None));
    let all = format!("{:?}", generation.attributes);
    assert!(!all.contains("private") && !all.contains("iVBOR"), "{all}");
}

#[tokio::test]
async fn speech_passes_untouched_and_is_a_generation_without_tokens() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 4\r\n\
                connection: close\r\n\r\n";
    let mut pieces = vec![Piece::Bytes(head.as_bytes().to_vec())];
    pieces.push(Piece::Bytes(vec![0xFF, 0xFB, 0, 1]));
    let request = json!({ "model": "gpt-4o-mini-tts", "input": "private", "voice": "alloy" });
    let (sound, trace) = call("/audio/speech", &request, pieces).await;

    assert_eq!(sound, [0xFF, 0xFB, 0, 1]);
    assert_eq!(
        trace.outline(),
        "work [span]\n└─ audio_generation gpt-4o-mini-tts [generation]\n"
    );
    let generation = generation(&trace);
    assert_eq!(generation.usage.get("total"), Some(&0));
    assert!(!format!("{:?}", generation.attributes).contains("private"));
}

#[tokio::test]
async fn subtitles_are_no_failure() {
    let subtitles = "WEBVTT\n\n00:00.000 --> 00:01.000\nprivate\n";
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/vtt\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        subtitles.len()
    );
    let pieces = [head.as_str(), subtitles].map(|text| Piece::Bytes(text.as_bytes().to_vec()));
    let (text, trace) = call("/audio/transcriptions", &json!({}), pieces.to_vec()).await;

    assert_eq!(text, subtitles.as_bytes());
    let generation = generation(&trace);
    assert_eq!(generation.usage.get("total"), Some(&0));
    let all = format!("{:?}", generation.attributes);
    assert!(!all.contains("ERROR") && !all.contains("private"), "{all}");
}
