//! The program's own code runs while something is recorded: it may use the observation, or panic.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer, ser::Error as _};
use warmspan::{Observation, Sdk, testkit::langfuse::Langfuse};

const BUDGET: Duration = Duration::from_secs(5);

struct SpeaksOfItself<'a>(&'a Observation);

impl Serialize for SpeaksOfItself<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.metadata("from", "inside");
        serializer.serialize_bool(self.0.is_recording())
    }
}

struct Panics;

impl Serialize for Panics {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("serialising")
    }
}

struct Fails;

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("no"))
    }
}

impl fmt::Display for Fails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half")?;
        Err(fmt::Error)
    }
}

#[tokio::test]
async fn a_serialiser_may_speak_of_the_observation_that_records_it() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    let span = sdk.span("one");
    span.input(&SpeaksOfItself(&span)).end();
    assert!(sdk.force_flush(BUDGET).await.is_complete());
    let seen = &langfuse.observations()[0];
    assert_eq!(seen.input.as_deref(), Some("true"));
    assert_eq!(
        seen.text("langfuse.observation.metadata.from"),
        Some("inside")
    );
}

#[tokio::test]
async fn what_panics_or_fails_is_told_and_goes_no_further() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    let span = sdk.span("one");
    span.input(&Panics)
        .output(&Fails)
        .metadata("left-out", &Panics)
        .error(&Fails);
    assert!(span.is_recording());
    span.end();
    assert!(sdk.force_flush(BUDGET).await.is_complete());
    let seen = &langfuse.observations()[0];
    assert_eq!(
        seen.input.as_deref(),
        Some("<not serializable: it panicked>")
    );
    assert_eq!(seen.output.as_deref(), Some("<not serializable: no>"));
    assert_eq!(seen.status_message.as_deref(), Some("half"));
}

#[tokio::test]
async fn a_span_that_ends_after_the_shutdown_is_counted() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    let late = sdk.span("late");
    let report = sdk.shutdown(BUDGET).await;
    assert!(report.is_complete());
    late.end();
    assert_eq!(sdk.losses().abandoned(), 1);
}

#[tokio::test]
async fn a_mask_sees_what_holds_for_the_whole_trace() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(
        langfuse
            .config()
            .mask(|_, text| text.replace("hush", "[masked]")),
    );
    let attributes = warmspan::TraceAttributes::new()
        .user_id("hush-1")
        .tags(["hush-2"])
        .metadata("a", "hush-3");
    attributes.in_scope(|| sdk.span("one").status_message("hush-4").end());
    assert!(sdk.force_flush(BUDGET).await.is_complete());
    assert!(!langfuse.contains("hush"));
}
