//! What a client gets is what the provider sent, whatever that is.

use http::StatusCode;
use proptest::prelude::*;
use reqwest_middleware::ClientBuilder;
use serde_json::json;
use warmspan::ObserveFuture as _;

use crate::{
    provider_replay::Piece,
    provider_stage::{Stage, reqwest_client},
};

/// A response: its status, its content type, and its body in pieces.
#[derive(Clone, Debug)]
struct Sent {
    status: u16,
    content_type: &'static str,
    pieces: Vec<Vec<u8>>,
}

impl Sent {
    fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    fn answer(&self) -> Vec<Piece> {
        let head = format!(
            "HTTP/1.1 {} Status\r\ncontent-type: {}\r\nconnection: close\r\n\r\n",
            self.status, self.content_type
        );
        let body = self.pieces.iter().cloned().map(Piece::Bytes);
        std::iter::once(Piece::Bytes(head.into_bytes()))
            .chain(body)
            .collect()
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let known = prop::sample::select(vec![
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n",
        "data: [DONE]\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\r\n\r\n",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n",
        "{\"error\":{\"message\":\"no\"}}",
        ": a comment\n",
    ]);
    let piece = prop_oneof![
        known.prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..60),
    ];
    let content_type = prop::sample::select(vec![
        "text/event-stream",
        "application/json",
        "application/x-ndjson",
        "application/vnd.amazon.eventstream",
        "text/plain",
        "image/png",
    ]);
    let status = prop::sample::select(vec![200, 201, 400, 429, 500]);
    (status, content_type, prop::collection::vec(piece, 0..8)).prop_map(
        |(status, content_type, pieces)| Sent {
            status,
            content_type,
            pieces,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_in_are_bytes_out(all in prop::collection::vec(sent(), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stage = Stage::new(all.iter().map(Sent::answer).collect()).await;
            let client = ClientBuilder::new(reqwest_client())
                .with(warmspan::reqwest_middleware())
                .build();
            let work = async {
                let request = json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "?"}]});
                let url = format!("{}/chat/completions", stage.provider.base_url());
                for sent in &all {
                    let response = client.post(&url).body(request.to_string()).send().await.unwrap();
                    prop_assert_eq!(response.status(), StatusCode::from_u16(sent.status).unwrap());
                    prop_assert_eq!(response.bytes().await.unwrap(), sent.body());
                }
                Ok(())
            };
            let checked = work.observed(stage.sdk.span("work")).await;
            assert!(stage.sdk.force_flush(std::time::Duration::from_secs(5)).await.is_complete());
            prop_assert_eq!(stage.langfuse.observations().len(), all.len() + 1, "each is one observation");
            checked
        })?;
    }
}
