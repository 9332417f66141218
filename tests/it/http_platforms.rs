//! What roots say of the platform that a server runs on.

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response};
use tower::service_fn;
use warmspan::testkit::langfuse::{Langfuse, Observation};

use crate::http_stage::{respond, root, server};

#[tokio::test]
async fn on_cloud_run_they_name_service_revision_project_and_region() {
    let variables = [
        ("K_SERVICE", "chat"),
        ("K_REVISION", "chat-00007-abc"),
        ("K_CONFIGURATION", "chat"),
        ("GOOGLE_CLOUD_PROJECT", "kettle-4711"),
        ("GOOGLE_CLOUD_REGION", "europe-west1"),
    ];
    let root = root_of(&variables, &[]).await;
    for (key, value) in [
        ("cloud.provider", "gcp"),
        ("cloud.platform", "gcp_cloud_run"),
        ("cloud.region", "europe-west1"),
        ("cloud.account.id", "kettle-4711"),
        ("faas.name", "chat"),
        ("faas.version", "chat-00007-abc"),
        ("faas.trigger", "http"),
        ("gcp.cloud_run.configuration", "chat"),
        ("langfuse.release", "chat-00007-abc"),
    ] {
        assert_eq!(root.text(key), Some(value), "{key}");
    }
    assert_eq!(root.bool("faas.coldstart"), Some(true));
    assert_eq!(root.text("gcp.cloud_functions.target"), None);
}

#[tokio::test]
async fn a_function_of_cloud_run_names_its_target() {
    let root = root_of(&[("K_SERVICE", "chat"), ("FUNCTION_TARGET", "answer")], &[]).await;
    assert_eq!(root.text("cloud.platform"), Some("gcp_cloud_functions"));
    assert_eq!(root.text("gcp.cloud_functions.target"), Some("answer"));
    assert_eq!(root.text("cloud.region"), None);
}

#[tokio::test]
async fn on_azure_they_name_site_instance_subscription_region_and_invocation() {
    let variables = [
        ("WEBSITE_SITE_NAME", "chat"),
        ("WEBSITE_INSTANCE_ID", "7f3c"),
        ("WEBSITE_OWNER_NAME", "0b1f-22+chat-WestEuropewebspace"),
        ("REGION_NAME", "West Europe"),
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "4000"),
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Production"),
    ];
    let id = "2f0c9a1e-7a5b-4b42-9a63-0f1e2d3c4b5a";
    let root = root_of(&variables, &[("x-azure-functions-invocationid", id)]).await;
    for (key, value) in [
        ("cloud.provider", "azure"),
        ("cloud.platform", "azure.functions"),
        ("cloud.region", "West Europe"),
        ("cloud.account.id", "0b1f-22"),
        ("faas.name", "chat"),
        ("faas.instance", "7f3c"),
        ("faas.invocation_id", id),
        ("langfuse.environment", "production"),
    ] {
        assert_eq!(root.text(key), Some(value), "{key}");
    }
}

#[tokio::test]
async fn on_vercel_as_a_server_of_its_own_they_name_region_deployment_and_request() {
    let variables = [
        ("VERCEL", "1"),
        ("VERCEL_REGION", "iad1"),
        ("VERCEL_DEPLOYMENT_ID", "dpl_7Gw5"),
    ];
    let id = (
        "x-vercel-id",
        "fra1::iad1::d4285-1769280933622-449e98882f00",
    );
    let root_there = root_of(&variables, &[id]).await;
    for (key, value) in [
        ("cloud.provider", "vercel"),
        ("cloud.region", "iad1"),
        ("vercel.deployment_id", "dpl_7Gw5"),
        ("vercel.id", id.1),
        ("faas.invocation_id", "d4285-1769280933622-449e98882f00"),
    ] {
        assert_eq!(root_there.text(key), Some(value), "{key}");
    }
    let elsewhere = root_of(&[], &[id]).await;
    assert_eq!(elsewhere.text("vercel.id"), None);
    assert_eq!(elsewhere.text("faas.invocation_id"), None);
}

#[tokio::test]
async fn elsewhere_the_header_of_azure_is_a_header_like_any_other() {
    let header = ("x-azure-functions-invocationid", "hush");
    assert_eq!(
        root_of(&[], &[header]).await.text("faas.invocation_id"),
        None
    );
    let azure = [
        ("WEBSITE_SITE_NAME", "chat"),
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "4000"),
    ];
    let no_id = ("x-azure-functions-invocationid", "no id, <script>");
    assert_eq!(
        root_of(&azure, &[no_id]).await.text("faas.invocation_id"),
        None
    );
}

#[tokio::test]
async fn a_trace_of_google_cloud_is_linked_and_continued_on_demand() {
    const TRACE: &str = "105445aa7843bc8bf206b12000100000";
    let header = (
        "x-cloud-trace-context",
        "105445aa7843bc8bf206b12000100000/1193046;o=1",
    );
    let linked = root_of(&[], &[header]).await;
    assert_eq!(linked.parent_span_id, None);
    assert_eq!(linked.links[0].trace_id, TRACE);
    assert_eq!(
        linked.text("langfuse.observation.metadata.linked_trace_id"),
        Some(TRACE)
    );
    let continued = root_of(&[("WARMSPAN_PARENT", "continue")], &[header]).await;
    assert_eq!(continued.trace_id, TRACE);
    assert_eq!(
        continued.parent_span_id.as_deref(),
        Some("0000000000123456")
    );
}

async fn root_of(variables: &[(&str, &str)], headers: &[(&str, &str)]) -> Observation {
    let langfuse = Langfuse::start().await.unwrap();
    let answers =
        service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    respond(&server(&langfuse, variables), answers, request).await;
    root(&langfuse)
}
