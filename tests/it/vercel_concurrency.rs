//! Requests that one process on Vercel serves at the same time.

use std::sync::Arc;

use tokio::sync::Barrier;
use vercel_runtime::{Error, Request, service_fn};
use warmspan::{ObserveFuture as _, Sdk, TraceAttributes, vercel::Traced};

use crate::{
    lambda_stage::Stage,
    vercel_stage::{Connection, get, sdk},
};

const REQUESTS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn users_and_sessions_never_cross() {
    let stage = Stage::set().await;
    let sdk = sdk(&stage, &[]);
    let (inside, all_there) = (sdk.clone(), Arc::new(Barrier::new(REQUESTS)));
    let handler = move |request: Request| answer(request, inside.clone(), Arc::clone(&all_there));
    let service = Traced::new(service_fn(handler), sdk);
    let requests = (0..REQUESTS).map(|number| {
        let service = service.clone();
        async move {
            let mut connection = Connection::to(service).await;
            let path = Box::leak(format!("/{number}").into_boxed_str());
            connection.send(get(path)).await
        }
    });
    let answers = futures_util::future::join_all(requests).await;

    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer, (200, number.to_string()));
    }
    let traces = stage.langfuse.traces();
    assert_eq!(traces.len(), REQUESTS);
    let mut seen: Vec<String> = Vec::new();
    for trace in traces {
        let step = trace
            .observations()
            .iter()
            .find(|observation| observation.name.starts_with("step "))
            .unwrap()
            .clone();
        let number = step.name.strip_prefix("step ").unwrap().to_owned();
        assert_eq!(trace.observations().len(), 2, "{trace}");
        assert_eq!(trace.root().unwrap().output.as_deref(), Some(&*number));
        assert_eq!(step.text("user.id"), Some(&*format!("user {number}")));
        assert_eq!(step.text("session.id"), Some(&*format!("session {number}")));
        seen.push(number);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), REQUESTS);
}

async fn answer(request: Request, sdk: Sdk, all_there: Arc<Barrier>) -> Result<String, Error> {
    let number = request.uri().path().trim_start_matches('/').to_owned();
    let attributes = TraceAttributes::new()
        .user_id(format!("user {number}"))
        .session_id(format!("session {number}"));
    async {
        all_there.wait().await;
        sdk.span(format!("step {number}")).end();
        all_there.wait().await;
    }
    .with_trace_attributes(attributes)
    .await;
    Ok(number)
}
