//! What is on the wire.

use std::time::Duration;

use warmspan::{Config, Sdk, testkit::langfuse::Langfuse};

const BUDGET: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_headers_are_langfuses() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    sdk.span("one").end();
    assert!(sdk.force_flush(BUDGET).await.is_complete());
    let request = &langfuse.requests()[0];
    assert_eq!(request.path, "/api/public/otel/v1/traces");
    for (name, value) in [
        ("x-langfuse-ingestion-version", "4"),
        ("x-langfuse-sdk-name", "warmspan"),
        ("x-langfuse-sdk-version", env!("CARGO_PKG_VERSION")),
        ("x-langfuse-public-key", "pk-lf-testkit"),
        ("content-type", "application/x-protobuf"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert!(
        request
            .header("authorization")
            .is_some_and(|value| value.starts_with("Basic "))
    );
    assert_eq!(
        request.header("content-encoding"),
        None,
        "compressing does not pay on loopback"
    );
}

#[tokio::test]
async fn gzip_when_it_is_asked_for() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config().compression(true));
    sdk.span("one").output(&"text ".repeat(1000)).end();
    assert!(sdk.force_flush(BUDGET).await.is_complete());
    let request = &langfuse.requests()[0];
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert!(request.wire.len() < request.body.len() / 4);
    assert_eq!(
        langfuse.observations()[0].output.as_deref().map(str::len),
        Some(5000)
    );
}

#[tokio::test]
async fn a_plain_otlp_back_end_gets_its_headers_and_no_langfuse_ones() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(Config::new().environment_variables([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", langfuse.base_url().as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hush"),
    ]));
    sdk.span("one").end();
    let _ = sdk.force_flush(BUDGET).await;
    let request = &langfuse.requests()[0];
    assert_eq!(
        (request.path.as_str(), request.header("api-key")),
        ("/v1/traces", Some("hush"))
    );
    assert_eq!(
        (
            request.header("authorization"),
            request.header("x-langfuse-sdk-name")
        ),
        (None, None)
    );
}

#[tokio::test]
async fn resource_and_scope_say_who_sent_it() {
    let langfuse = Langfuse::start().await.unwrap();
    let config = langfuse
        .config()
        .environment("staging")
        .release("r1")
        .service_name("chat");
    let sdk = Sdk::new(config);
    sdk.span("one").end();
    assert!(sdk.force_flush(BUDGET).await.is_complete());
    let span = &langfuse.observations()[0];
    assert_eq!(
        (span.scope_name.as_str(), span.scope_version.as_str()),
        ("warmspan", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(
        (
            span.text("langfuse.environment"),
            span.text("langfuse.release")
        ),
        (Some("staging"), Some("r1"))
    );
    let resource: Vec<&str> = span.resource.keys().map(String::as_str).collect();
    let expected = [
        "langfuse.environment",
        "langfuse.release",
        "service.name",
        "telemetry.distro.name",
        "telemetry.distro.version",
        "telemetry.sdk.language",
        "telemetry.sdk.name",
    ];
    assert_eq!(resource, expected);
}

#[tokio::test]
async fn nothing_recorded_makes_no_request() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    let report = sdk.force_flush(BUDGET).await;
    assert!(report.is_complete());
    assert_eq!((report.requests(), langfuse.connections()), (0, 0));
}

#[tokio::test]
async fn the_trace_url_names_project_and_trace() {
    let langfuse = Langfuse::start().await.unwrap();
    let sdk = Sdk::new(langfuse.config());
    let span = sdk.span("one");
    let url = sdk.trace_url(span.trace_id(), BUDGET).await.unwrap();
    let expected = format!(
        "{}/project/{}/traces/{}",
        langfuse.base_url(),
        langfuse.project_id(),
        span.trace_id()
    );
    assert_eq!(url, expected);
    assert!(sdk.auth_check(BUDGET).await.is_ok());
}
