//! Scores travel like spans: same queue, same flush, same report.

use std::time::Duration;

use serde_json::{Value, json};
use warmspan::{
    ObserveFuture as _, Score, Sdk, score_current_observation, score_current_trace,
    testkit::langfuse::{Fault, Langfuse},
};

const BUDGET: Duration = Duration::from_secs(5);

/// The bodies of all scores that were accepted.
fn scores(langfuse: &Langfuse) -> Vec<Value> {
    let requests = langfuse.requests();
    let batches = requests
        .iter()
        .filter(|request| request.path == "/api/public/ingestion" && request.status == Some(207))
        .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
    batches
        .flat_map(|batch| batch["batch"].as_array().unwrap().clone())
        .map(|event| event["body"].clone())
        .collect()
}

#[tokio::test]
async fn three_kinds_of_scores_for_a_trace_and_an_observation() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config().environment("staging"));
    let root = sdk.span("root");
    root.score(
        Score::numeric("relevance", 0.5)
            .id("mine")
            .comment("why")
            .metadata("by", "me"),
    );
    async {
        score_current_trace(Score::boolean("helpful", true));
        score_current_observation(Score::categorical("tone", "dry"));
    }
    .in_observation(&root)
    .await;
    root.end();
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!((report.delivered(), report.requests()), (4, 2), "{report}");

    let (trace, observation) = (root.trace_id().to_string(), root.id().to_string());
    let all = scores(&langfuse);
    assert_eq!(
        all[0],
        json!({"id": "mine", "traceId": trace, "observationId": observation, "name": "relevance", "value": 0.5,
               "dataType": "NUMERIC", "environment": "staging", "comment": "why", "metadata": {"by": "me"}})
    );
    assert_eq!(
        (&all[1]["name"], &all[1]["value"], &all[1]["dataType"]),
        (&json!("helpful"), &json!(1), &json!("BOOLEAN"))
    );
    assert_eq!(all[1].get("observationId"), None);
    assert_eq!(
        (&all[2]["value"], &all[2]["observationId"]),
        (&json!("dry"), &json!(observation))
    );
}

#[tokio::test]
async fn a_score_is_kept_while_langfuse_is_away() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    langfuse.answer_next(1, &Fault::status(503));
    let span = sdk.span("one");
    span.score(Score::numeric("a", 1.0));
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!((report.delivered(), report.kept()), (0, 1));
    assert_eq!(sdk.force_flush(BUDGET).await.delivered(), 1);
    assert_eq!(scores(&langfuse).len(), 1);
}

#[tokio::test]
async fn what_langfuse_would_not_take_is_left_out() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    let span = sdk.span("one");
    span.score(Score::numeric("a", f64::NAN))
        .score(Score::boolean("", true));
    assert_eq!(sdk.pending_spans(), 0);
    let unsampled = Sdk::new(langfuse.config().sample_rate(0.0));
    unsampled.span("one").score(Score::numeric("a", 1.0));
    assert_eq!(unsampled.pending_spans(), 0);
}
