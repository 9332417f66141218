//! Of an HTTP request on `lambda_http` and its response only the bodies leave the function.

use http::{Response, header::SET_COOKIE};
use lambda_http::{Body, Error, Request, RequestExt as _, request, service_fn};
use tower::{Layer as _, ServiceExt as _};
use warmspan::http::TraceLayer;

use crate::{
    events::{ALL, BODY, SECRET},
    lambda_stage::{Stage, context},
};

#[tokio::test]
async fn nothing_but_the_bodies_is_sent_of_any_kind_of_request() {
    for content in ["preview", "full"] {
        for (name, payload) in ALL
            .into_iter()
            .filter(|(name, _)| *name != "VPC Lattice v1")
        {
            let stage = Stage::set().await;
            let sdk = stage.sdk_with(&[("WARMSPAN_CONTENT", content)]);
            let service = TraceLayer::with_sdk(sdk).layer(service_fn(answer));
            let request = request::from_str(payload)
                .unwrap()
                .with_lambda_context(context());
            let response = service.oneshot(request).await.unwrap();

            assert_eq!(response.headers()[SET_COOKIE], "session=hush", "{name}");
            let body = http_body_util::BodyExt::collect(response.into_body())
                .await
                .unwrap();
            assert_eq!(body.to_bytes(), ANSWER, "{name}");

            let root = stage.root();
            assert!(!stage.langfuse.contains(SECRET), "{name}: {root:#?}");
            assert_eq!(root.input.as_deref(), Some(BODY), "{name}");
            assert_eq!(root.output.as_deref(), Some(ANSWER), "{name}");
        }
    }
}

#[tokio::test]
async fn with_content_off_no_text_is_recorded() {
    for (name, payload) in ALL
        .into_iter()
        .filter(|(name, _)| *name != "VPC Lattice v1")
    {
        let stage = Stage::set().await;
        let sdk = stage.sdk_with(&[("WARMSPAN_CONTENT", "off")]);
        let service = TraceLayer::with_sdk(sdk).layer(service_fn(answer));
        let response = service
            .oneshot(request::from_str(payload).unwrap())
            .await
            .unwrap();
        http_body_util::BodyExt::collect(response.into_body())
            .await
            .unwrap();

        assert_eq!(stage.langfuse.traces().len(), 1, "{name}");
        for text in ["sky", "Because", SECRET] {
            assert!(!stage.langfuse.contains(text), "{name}: {text}");
        }
    }
}

const ANSWER: &str = r#"{"answer":"Because."}"#;

async fn answer(_: Request) -> Result<Response<Body>, Error> {
    let response = Response::builder()
        .header(SET_COOKIE, "session=hush")
        .header("x-api-key", "hush")
        .body(ANSWER.into());
    Ok(response?)
}
