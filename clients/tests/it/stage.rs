//! A Langfuse, an SDK that sends to it, and a provider.

use std::{future::Future, time::Duration};

use warmspan::{
    Config, ObserveFuture as _, Sdk,
    testkit::{
        langfuse::{Langfuse, Observation},
        tree::Trace,
    },
};

use crate::provider_replay::{Piece, Replay};

pub(crate) struct Stage {
    langfuse: Langfuse,
    sdk: Sdk,
    provider: Replay,
}

impl Stage {
    pub(crate) async fn new(answers: Vec<Vec<Piece>>) -> Self {
        let langfuse = Langfuse::start().await.unwrap();
        let config = Config::new()
            .public_key(langfuse.public_key())
            .secret_key(langfuse.secret_key())
            .base_url(langfuse.base_url());
        Self {
            langfuse,
            sdk: Sdk::new(config),
            provider: Replay::start(answers).await,
        }
    }

    pub(crate) fn sdk(&self) -> &Sdk {
        &self.sdk
    }

    /// Where the provider listens.
    pub(crate) fn url(&self) -> String {
        self.provider.base_url().trim_end_matches("/v1").to_owned()
    }

    /// Runs `work` inside of an observation, and returns what Langfuse got.
    pub(crate) async fn observe<R>(&self, work: impl Future<Output = R>) -> (R, Trace) {
        let result = work.observed(self.sdk.span("work")).await;
        let _ = self.sdk.force_flush(Duration::from_secs(2)).await;
        (result, self.langfuse.traces().remove(0))
    }
}

/// The only child of the root.
pub(crate) fn generation(trace: &Trace) -> &Observation {
    trace.children(trace.root().unwrap())[0]
}
