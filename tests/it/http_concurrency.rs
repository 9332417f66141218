//! A thousand requests at once, each of another user: nothing of one is seen on another.

use std::{convert::Infallible, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, future::join_all, stream};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer as _, ServiceExt as _, service_fn};
use warmspan::{
    ObserveFuture as _, Sdk, TraceAttributes,
    http::TraceLayer,
    testkit::langfuse::{Fault, Langfuse, Observation, Value},
};

/// With one child each they fit the queue.
const REQUESTS: usize = 1_000;

/// How one of the requests is handled.
#[derive(Clone, Copy, Debug)]
struct Manner {
    yields_before: u8,
    yields_inside: u8,
    is_streamed: bool,
    is_spawned: bool,
}

fn manners() -> impl Strategy<Value = Vec<Manner>> {
    let manner = (0..4_u8, 0..4_u8, any::<bool>(), any::<bool>()).prop_map(
        |(yields_before, yields_inside, is_streamed, is_spawned)| Manner {
            yields_before,
            yields_inside,
            is_streamed,
            is_spawned,
        },
    );
    prop::collection::vec(manner, REQUESTS)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn each_carries_its_own_and_they_share_requests(manners in manners()) {
        for runtime in runtimes() {
            let (observations, posts) = runtime.block_on(sent(&manners));
            prop_assert_eq!(observations.len(), 2 * REQUESTS);
            for seen in &observations {
                let number = number_of(seen);
                prop_assert_eq!(said(seen), expected(&number), "{}", seen.name);
            }
            prop_assert!(posts < REQUESTS / 4, "{} requests to Langfuse", posts);
        }
    }
}

fn runtimes() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build();
    let current_thread = Builder::new_current_thread().enable_all().build();
    [multi_thread.unwrap(), current_thread.unwrap()]
}

/// Handles all requests at once; returns what arrived, each observation once, and in how many POSTs.
async fn sent(manners: &[Manner]) -> (Vec<Observation>, usize) {
    let langfuse = Langfuse::start().await.unwrap();
    langfuse.answer(Fault::Slow(Duration::from_millis(2)));
    // Long enough for the last of all, however slow the machine.
    let sdk = Sdk::new(langfuse.config().timeout(Duration::from_secs(60)));
    let layer = TraceLayer::with_sdk(sdk.clone());
    let requests = manners.iter().enumerate().map(|(number, manner)| {
        let (sdk, manner, layer) = (sdk.clone(), *manner, layer.clone());
        tokio::spawn(async move {
            let handler = service_fn(move |request| handle(sdk.clone(), manner, request));
            let request = Request::new(Body::from(number.to_string()));
            let response = layer.layer(handler).oneshot(request).await.unwrap();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("answer {number}"));
        })
    });
    for request in join_all(requests).await {
        request.unwrap();
    }
    assert_eq!(sdk.losses().total(), 0, "{}", sdk.losses());
    let traces = langfuse.traces();
    let all = traces
        .iter()
        .flat_map(|trace| trace.observations().to_vec());
    (all.collect(), langfuse.requests().len())
}

async fn handle(
    sdk: Sdk,
    manner: Manner,
    request: Request<Body>,
) -> Result<Response<Body>, Infallible> {
    yields(manner.yields_before).await;
    let number = request.into_body().collect().await.unwrap().to_bytes();
    let number = String::from_utf8(number.to_vec()).unwrap();
    let attributes = TraceAttributes::new()
        .user_id(format!("user-{number}"))
        .session_id(format!("session-{number}"))
        .tags([format!("tag-{number}")]);
    let work = async {
        let step = sdk.span("step");
        yields(manner.yields_inside).await;
        step.input(&number).end();
    };
    let work = async {
        if manner.is_spawned {
            let (sdk, number) = (sdk.clone(), number.clone());
            let step = async move {
                let step = sdk.span("step");
                yields(manner.yields_inside).await;
                step.input(&number).end();
            };
            tokio::spawn(step.in_current_observation()).await.unwrap();
        } else {
            work.await;
        }
    };
    work.with_trace_attributes(attributes).await;
    let pieces = ["answer ".to_owned(), number].map(Bytes::from);
    let body = if manner.is_streamed {
        let pieces = stream::iter(pieces).then(move |piece| async move {
            yields(manner.yields_inside).await;
            Ok::<_, Infallible>(piece)
        });
        Body::from_stream(pieces)
    } else {
        Body::from(pieces.concat())
    };
    Ok(Response::new(body))
}

async fn yields(times: u8) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

fn number_of(seen: &Observation) -> String {
    seen.input.clone().unwrap_or_default()
}

type Said = (Option<String>, Option<String>, Vec<String>);

fn said(seen: &Observation) -> Said {
    let text = |key| seen.text(key).map(str::to_owned);
    let tags = match seen.attributes.get("langfuse.trace.tags") {
        Some(Value::Array(tags)) => tags.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    (text("user.id"), text("session.id"), tags)
}

fn expected(number: &str) -> Said {
    (
        Some(format!("user-{number}")),
        Some(format!("session-{number}")),
        vec![format!("tag-{number}")],
    )
}
