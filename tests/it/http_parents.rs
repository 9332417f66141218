//! Whether a request continues the trace that it came with.

use axum::body::Body;
use http::{Request, Response};
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _, service_fn};
use warmspan::{http::TraceLayer, lambda::Traced, testkit::langfuse::Observation};

use crate::lambda_stage::{Stage, invoke};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const CLAIM: &str = "langfuse_trace_id=0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn a_trace_that_is_claimed_for_langfuse_is_continued() {
    for root in roots(&[], &[("traceparent", UNSAMPLED), ("baggage", CLAIM)]).await {
        assert_continued(&root);
    }
}

#[tokio::test]
async fn all_headers_of_baggage_are_one() {
    let headers = [
        ("traceparent", UNSAMPLED),
        ("baggage", "userId=alice"),
        ("baggage", CLAIM),
    ];
    assert_continued(&of_a_request(&[], &headers).await);
}

#[tokio::test]
async fn any_other_trace_is_linked_and_named() {
    for baggage in [
        "",
        "userId=alice",
        "langfuse_trace_id=ffffffffffffffffffffffffffffffff",
    ] {
        for root in roots(&[], &[("traceparent", UNSAMPLED), ("baggage", baggage)]).await {
            assert_linked(&root);
        }
    }
}

#[tokio::test]
async fn continue_joins_every_trace() {
    let variables = [("WARMSPAN_PARENT", "continue")];
    for root in roots(&variables, &[("traceparent", UNSAMPLED)]).await {
        assert_continued(&root);
    }
}

#[tokio::test]
async fn root_joins_none() {
    let variables = [("WARMSPAN_PARENT", "root")];
    for root in roots(
        &variables,
        &[("traceparent", UNSAMPLED), ("baggage", CLAIM)],
    )
    .await
    {
        assert_linked(&root);
    }
}

#[tokio::test]
async fn without_a_trace_or_with_a_malformed_one_it_begins_its_own() {
    let variables = [("WARMSPAN_PARENT", "continue")];
    for headers in [&[][..], &[("traceparent", "00-zz-yy-01")]] {
        for root in roots(&variables, headers).await {
            assert_eq!((root.parent_span_id, root.links), (None, Vec::new()));
        }
    }
}

/// The roots of a request with these headers, through `TraceLayer` and as a Lambda event.
async fn roots(variables: &[(&str, &str)], headers: &[(&str, &str)]) -> [Observation; 2] {
    [
        of_a_request(variables, headers).await,
        of_an_event(variables, headers).await,
    ]
}

async fn of_a_request(variables: &[(&str, &str)], headers: &[(&str, &str)]) -> Observation {
    let stage = Stage::set().await;
    let answers = service_fn(|_: Request<Body>| async {
        Ok::<_, std::io::Error>(Response::new(Body::empty()))
    });
    let service = TraceLayer::with_sdk(stage.sdk_with(variables)).layer(answers);
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    service
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    stage.root()
}

async fn of_an_event(variables: &[(&str, &str)], headers: &[(&str, &str)]) -> Observation {
    let stage = Stage::set().await;
    let answers = lambda_runtime::service_fn(|_: lambda_runtime::LambdaEvent<Value>| async {
        Ok::<_, lambda_runtime::Error>(json!({ "statusCode": 200 }))
    });
    let mut service = Traced::new(answers, stage.sdk_with(variables));
    let headers: serde_json::Map<_, _> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let event = json!({ "requestContext": {}, "headers": headers });
    invoke(&mut service, &event.to_string()).await.unwrap();
    stage.root()
}

fn assert_continued(root: &Observation) {
    assert_eq!(root.trace_id, TRACE);
    assert_eq!(root.parent_span_id.as_deref(), Some(PARENT));
    assert_eq!(root.bool("langfuse.internal.is_app_root"), Some(true));
}

fn assert_linked(root: &Observation) {
    assert_ne!(root.trace_id, TRACE);
    assert_eq!(root.parent_span_id, None);
    assert_eq!(root.links.len(), 1);
    assert_eq!(
        (
            root.links[0].trace_id.as_str(),
            root.links[0].span_id.as_str()
        ),
        (TRACE, PARENT)
    );
    assert_eq!(
        root.text("langfuse.observation.metadata.linked_trace_id"),
        Some(TRACE)
    );
}
