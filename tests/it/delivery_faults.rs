//! What becomes of spans when the collector misbehaves: kept while there is hope, lost only
//! counted, and never longer than the budget.

use std::time::{Duration, Instant};

use warmspan::{
    Sdk,
    testkit::langfuse::{Fault, Langfuse},
};

const BUDGET: Duration = Duration::from_secs(5);

async fn sdk_and_collector() -> (Sdk, Langfuse) {
    let langfuse = Langfuse::start().await.unwrap();
    (Sdk::new(langfuse.config()), langfuse)
}

fn record(sdk: &Sdk, spans: usize) {
    for number in 0..spans {
        sdk.span(format!("span-{number}")).end();
    }
}

#[tokio::test]
async fn a_busy_collector_gets_them_at_the_next_flush() {
    for code in [408, 429, 500, 502, 503, 504] {
        let (sdk, langfuse) = sdk_and_collector().await;
        langfuse.answer_next(1, &Fault::status(code));
        record(&sdk, 3);
        let first = sdk.force_flush(BUDGET).await;
        assert_eq!(
            (first.delivered(), first.kept(), first.lost()),
            (0, 3, 0),
            "{code}: {first}"
        );
        assert_eq!(
            first
                .last_error()
                .and_then(warmspan::Error::status)
                .map(|s| s.as_u16()),
            Some(code)
        );
        let second = sdk.force_flush(BUDGET).await;
        assert_eq!(
            (second.delivered(), second.kept()),
            (3, 0),
            "{code}: {second}"
        );
        assert_eq!(langfuse.observations().len(), 3);
        assert_eq!(sdk.losses().total(), 0);
    }
}

#[tokio::test]
async fn retry_after_is_respected_without_waiting_for_it() {
    let (sdk, langfuse) = sdk_and_collector().await;
    let retry_after = Some(Duration::from_secs(30));
    langfuse.answer_next(
        1,
        &Fault::Status {
            code: 429,
            retry_after,
        },
    );
    record(&sdk, 1);
    assert_eq!(sdk.force_flush(BUDGET).await.kept(), 1);
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!(
        (report.kept(), report.requests()),
        (1, 0),
        "asked again too early: {report}"
    );
    assert_eq!(langfuse.requests().len(), 1);
}

#[tokio::test]
async fn refused_keys_lose_the_spans_counted_and_name_the_host() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config().secret_key("sk-lf-wrong"));
    record(&sdk, 2);
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!(
        (report.delivered(), report.kept(), report.lost()),
        (0, 0, 2)
    );
    assert_eq!(sdk.losses().refused(), 2);
    let error = report.last_error().unwrap();
    assert!(error.is_unauthorized());
    let message = error.to_string();
    assert!(
        message.contains("127.0.0.1") && message.contains("LANGFUSE_BASE_URL"),
        "{message}"
    );
    assert!(!format!("{error:?}{message}").contains("sk-lf-wrong"));
    assert!(sdk.auth_check(BUDGET).await.unwrap_err().is_unauthorized());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_split_until_it_fits() {
    let (sdk, langfuse) = sdk_and_collector().await;
    // Eight spans of one trace in one body: 8, then 4 and 4 (refused once more), then 2, 2, 4.
    let root = sdk.span("root");
    for number in 0..7 {
        root.observation(format!("child-{number}")).start().end();
    }
    root.end();
    langfuse.answer_next(2, &Fault::status(413));
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!(
        (report.delivered(), report.lost(), report.requests()),
        (8, 0, 5),
        "{report}"
    );
    let mut names: Vec<String> = langfuse
        .observations()
        .into_iter()
        .map(|o| o.name)
        .collect();
    names.sort();
    let expected = [
        "child-0", "child-1", "child-2", "child-3", "child-4", "child-5", "child-6", "root",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_single_span_that_is_too_large_is_lost_counted() {
    let (sdk, langfuse) = sdk_and_collector().await;
    langfuse.answer(Fault::status(413));
    record(&sdk, 3);
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!((report.kept(), report.lost()), (0, 3));
    assert_eq!(sdk.losses().too_large(), 3);
}

#[tokio::test]
async fn one_bad_trace_does_not_take_the_others_with_it() {
    let (sdk, langfuse) = sdk_and_collector().await;
    // The whole request is refused, then its first half; the second half is good.
    langfuse.answer_next(2, &Fault::status(400));
    record(&sdk, 2);
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!((report.delivered(), report.lost()), (1, 1), "{report}");
    assert_eq!(sdk.losses().refused(), 1);
    assert_eq!(langfuse.observations().len(), 1);
}

#[tokio::test]
async fn spans_rejected_by_a_partial_success_are_counted() {
    let (sdk, langfuse) = sdk_and_collector().await;
    langfuse.answer_next(1, &Fault::PartialSuccess { rejected: 2 });
    record(&sdk, 5);
    let report = sdk.force_flush(BUDGET).await;
    assert_eq!((report.delivered(), report.lost()), (3, 2));
    assert_eq!(sdk.losses().rejected(), 2);
    assert_eq!(sdk.losses().to_string(), "2 rejected");
}

#[tokio::test]
async fn a_silent_collector_costs_the_budget_and_nothing_is_lost() {
    let (sdk, langfuse) = sdk_and_collector().await;
    langfuse.answer(Fault::Hang);
    record(&sdk, 1);
    let started = Instant::now();
    let report = sdk.force_flush(Duration::from_millis(100)).await;
    assert!(started.elapsed() < BUDGET, "took {:?}", started.elapsed());
    assert!(
        report.last_error().is_some_and(warmspan::Error::is_timeout),
        "{report}"
    );
    assert_eq!((report.kept(), report.lost()), (1, 0));
    langfuse.recover();
    assert_eq!(sdk.force_flush(BUDGET).await.delivered(), 1);
}

#[tokio::test]
async fn a_collector_that_is_away_keeps_them_until_it_is_back() {
    let (sdk, langfuse) = sdk_and_collector().await;
    langfuse.stop().await;
    record(&sdk, 2);
    let report = sdk.force_flush(BUDGET).await;
    assert!(
        report.last_error().is_some_and(warmspan::Error::is_connect),
        "{report}"
    );
    assert_eq!((report.kept(), sdk.pending_spans()), (2, 2));
    langfuse.restart().await.unwrap();
    record(&sdk, 1);
    assert_eq!(sdk.force_flush(BUDGET).await.delivered(), 3);
}

#[tokio::test]
async fn a_full_queue_gives_up_the_oldest_trace_and_counts_it() {
    let (sdk, langfuse) = sdk_and_collector().await;
    record(&sdk, 2050);
    assert_eq!((sdk.pending_spans(), sdk.losses().queue_full()), (2048, 2));
    assert_eq!(sdk.force_flush(BUDGET).await.delivered(), 2048);
    let names: Vec<String> = langfuse
        .observations()
        .into_iter()
        .map(|o| o.name)
        .collect();
    assert!(!names.contains(&"span-0".to_owned()) && names.contains(&"span-2049".to_owned()));
}

#[tokio::test]
async fn shutdown_waits_for_a_busy_collector_and_then_stops() {
    let (sdk, langfuse) = sdk_and_collector().await;
    langfuse.answer_next(2, &Fault::status(503));
    record(&sdk, 1);
    let report = sdk.shutdown(BUDGET).await;
    assert_eq!(
        (report.delivered(), report.lost(), report.requests()),
        (1, 0, 3),
        "{report}"
    );
    assert!(!sdk.is_enabled());
    record(&sdk, 1);
    assert_eq!(sdk.pending_spans(), 0, "a stopped SDK records nothing");
}

#[tokio::test]
async fn what_shutdown_cannot_send_is_lost_counted() {
    let (sdk, langfuse) = sdk_and_collector().await;
    langfuse.answer(Fault::status(503));
    record(&sdk, 4);
    let report = sdk.shutdown(Duration::from_millis(100)).await;
    assert_eq!(
        (report.delivered(), report.kept(), report.lost()),
        (0, 0, 4),
        "{report}"
    );
    assert_eq!(sdk.losses().abandoned(), 4);
}

#[tokio::test]
async fn what_makes_the_collector_fail_every_time_is_given_up_counted() {
    let (sdk, langfuse) = sdk_and_collector().await;
    langfuse.answer(Fault::status(500));
    record(&sdk, 1);
    let kept: Vec<usize> = [
        sdk.force_flush(BUDGET).await,
        sdk.force_flush(BUDGET).await,
        sdk.force_flush(BUDGET).await,
    ]
    .iter()
    .map(warmspan::FlushReport::kept)
    .collect();
    assert_eq!((kept, sdk.losses().refused()), (vec![1, 1, 0], 1));
}

#[tokio::test]
async fn a_collector_that_is_slow_but_alive_is_waited_for_on_a_warm_connection_too() {
    let (sdk, langfuse) = sdk_and_collector().await;
    langfuse.answer(Fault::Slow(Duration::from_millis(300)));
    for _ in 0..3 {
        record(&sdk, 1);
        let report = sdk.force_flush(Duration::from_millis(500)).await;
        assert_eq!((report.delivered(), report.kept()), (1, 0), "{report}");
    }
}

#[tokio::test]
async fn one_enormous_span_is_lost_alone() {
    let (sdk, _langfuse) = sdk_and_collector().await;
    record(&sdk, 3);
    let span = sdk.span("enormous");
    span.attribute("text", "x".repeat(9 * 1024 * 1024)).end();
    assert_eq!((sdk.pending_spans(), sdk.losses().queue_full()), (3, 1));
}
