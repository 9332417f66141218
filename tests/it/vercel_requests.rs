//! Requests on Vercel: what their roots say.

use serde_json::{Value, json};
use vercel_runtime::{AppState, Error, Request, Response, ResponseBody, service_fn};
use warmspan::vercel::Traced;

use crate::{
    lambda_stage::Stage,
    vercel_stage::{Connection, DEPLOYMENT, get, sdk},
};

const PLACE: [&str; 5] = [
    "cloud.provider",
    "cloud.region",
    "vercel.deployment_id",
    "vercel.id",
    "faas.invocation_id",
];

#[tokio::test]
async fn they_have_the_method_and_the_status() {
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(kettle), sdk(&stage, &[]));
    let mut connection = Connection::to(service).await;
    for (path, status, outline) in [
        (
            "/tea?milk=hush",
            200,
            "vercel [span] faas.coldstart=true http.request.method=GET http.response.status_code=200\n",
        ),
        (
            "/beer",
            404,
            "vercel [span] faas.coldstart=false http.request.method=GET http.response.status_code=404\n",
        ),
    ] {
        assert_eq!(connection.send(get(path)).await.0, status);
        let attributes = [
            "faas.coldstart",
            "http.request.method",
            "http.response.status_code",
        ];
        assert_eq!(stage.outlines(&attributes).last().unwrap(), outline);
        assert!(!stage.langfuse.contains(path), "a path was recorded");
    }
    assert!(!stage.langfuse.contains("hush"), "a query was recorded");
}

#[tokio::test]
async fn they_have_the_beginning_of_the_response() {
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(kettle), sdk(&stage, &[]));
    Connection::to(service).await.send(get("/tea")).await;

    assert_eq!(stage.root().output.as_deref(), Some(r#"{"cups":1}"#));
}

#[tokio::test]
async fn on_vercel_they_say_what_vercel_says() {
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(kettle), sdk(&stage, &DEPLOYMENT));
    let mut connection = Connection::to(service).await;
    connection.send(labelled("/tea")).await;

    assert_eq!(
        stage.outlines(&PLACE),
        ["vercel [span] cloud.provider=vercel cloud.region=iad1 \
             vercel.deployment_id=dpl_7Gw5ZMBpQA8h9GF832KGp7nwbuh3 \
             vercel.id=fra1::iad1::d4285-1769280933622-449e98882f00 \
             faas.invocation_id=d4285-1769280933622-449e98882f00\n"]
    );
    let root = stage.root();
    assert_eq!(root.text("langfuse.environment"), Some("preview"));
    assert_eq!(
        root.text("langfuse.release"),
        Some("fa1eade47b73733d6312d5abfad33ce9e4068081")
    );
    assert!(!stage.langfuse.contains("hush"), "a header was recorded");
}

#[tokio::test]
async fn elsewhere_anybody_can_send_headers_like_those() {
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(kettle), sdk(&stage, &[]));
    let mut connection = Connection::to(service).await;
    connection.send(labelled("/tea")).await;

    assert_eq!(stage.outlines(&PLACE), ["vercel [span]\n"]);
}

#[tokio::test]
async fn a_name_that_was_given_counts() {
    let stage = Stage::set().await;
    for variable in ["VERCEL_GIT_REPO_SLUG", "OTEL_SERVICE_NAME"] {
        let service = Traced::new(service_fn(kettle), sdk(&stage, &[(variable, variable)]));
        Connection::to(service).await.send(get("/tea")).await;

        assert_eq!(
            stage.outlines(&[]).last().unwrap(),
            &format!("{variable} [span]\n")
        );
    }
}

#[tokio::test]
async fn a_trace_that_langfuse_has_is_continued() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(kettle), sdk(&stage, &[]));
    let mut request = get("/tea");
    for (name, value) in [
        ("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01")),
        ("baggage", format!("langfuse_trace_id={TRACE}")),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    Connection::to(service).await.send(request).await;

    let observations = stage.langfuse.observations();
    assert_eq!(observations.len(), 1);
    assert_eq!(observations[0].trace_id, TRACE);
}

#[tokio::test]
async fn the_state_reaches_the_handler() {
    async fn handler(_: Request, state: AppState) -> Result<&'static str, Error> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        state.wait_until(async move { sender.send("done").unwrap() });
        Ok(receiver.await?)
    }
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(handler), sdk(&stage, &[]));
    let answer = Connection::to(service).await.send(get("/")).await;

    assert_eq!(answer, (200, "done".to_owned()));
}

#[tokio::test]
async fn without_tracing_responses_are_the_same() {
    let untraced = Connection::to(service_fn(kettle))
        .await
        .send(get("/tea"))
        .await;
    let service = Traced::new(service_fn(kettle), warmspan::Sdk::disabled());
    let disabled = Connection::to(service).await.send(get("/tea")).await;
    let stage = Stage::set().await;
    let service = Traced::new(service_fn(kettle), sdk(&stage, &[]));
    let traced = Connection::to(service).await.send(get("/tea")).await;

    assert_eq!(untraced, disabled);
    assert_eq!(untraced, traced);
}

async fn kettle(request: Request) -> Result<Response<ResponseBody>, Error> {
    let (status, body): (u16, Value) = match request.uri().path() {
        "/tea" => (200, json!({ "cups": 1 })),
        _ => (404, json!({})),
    };
    let response = Response::builder().status(status);
    Ok(response.body(ResponseBody::from(body))?)
}

fn labelled(path: &str) -> http::Request<&'static str> {
    let mut request = get(path);
    for (name, value) in [
        (
            "x-vercel-id",
            "fra1::iad1::d4285-1769280933622-449e98882f00",
        ),
        ("x-vercel-internal-invocation-id", "invocation-7"),
        ("x-vercel-internal-request-id", "7"),
        ("x-vercel-ip-city", "hush"),
        ("authorization", "hush"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}
