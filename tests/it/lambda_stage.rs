//! The stage of the Lambda tests: an SDK that sends to an in-process Langfuse, and invocations made
//! by hand.

use std::{collections::HashMap, time::Duration};

use lambda_runtime::{Context, FunctionResponse, LambdaEvent};
use serde::de::DeserializeOwned;
use tower::{Service, ServiceExt};
use warmspan::{
    Config, Sdk,
    lambda::{Payload, TracedError, TracedStream},
    testkit::langfuse::{Langfuse, Observation},
};

/// An in-process Langfuse, and the variables that lead to it.
pub(crate) struct Stage {
    pub(crate) langfuse: Langfuse,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self {
            langfuse: Langfuse::start().await.unwrap(),
        }
    }

    /// An SDK that sends here.
    pub(crate) fn sdk(&self) -> Sdk {
        self.sdk_with(&[])
    }

    /// An SDK that sends here and was given further variables.
    pub(crate) fn sdk_with(&self, variables: &[(&str, &str)]) -> Sdk {
        let mut all = HashMap::from([
            ("LANGFUSE_BASE_URL", self.langfuse.base_url()),
            ("LANGFUSE_PUBLIC_KEY", self.langfuse.public_key().to_owned()),
            ("LANGFUSE_SECRET_KEY", self.langfuse.secret_key().to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", "chat".to_owned()),
        ]);
        all.extend(
            variables
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        Sdk::new(Config::new().environment_variables(all))
    }

    /// Outlines of the traces that arrived.
    pub(crate) fn outlines(&self, attributes: &[&str]) -> Vec<String> {
        let traces = self.langfuse.traces();
        traces
            .iter()
            .map(|trace| trace.outline_with(attributes))
            .collect()
    }

    /// The root of the only trace that arrived.
    pub(crate) fn root(&self) -> Observation {
        let traces = self.langfuse.traces();
        assert_eq!(traces.len(), 1);
        traces[0].root().unwrap().clone()
    }
}

/// What Lambda says of an invocation of `chat`.
pub(crate) fn context() -> Context {
    let mut config = lambda_runtime::Config::default();
    "chat".clone_into(&mut config.function_name);
    "$LATEST".clone_into(&mut config.version);
    config.memory = 256;
    let mut context = Context::default();
    "8476a536-e9f4-11e8-9739-2dfe598c3fcd".clone_into(&mut context.request_id);
    "arn:aws:lambda:eu-west-1:123456789012:function:chat"
        .clone_into(&mut context.invoked_function_arn);
    context.env_config = config.into();
    context
}

/// An event as `lambda_runtime` hands it to a traced handler.
pub(crate) fn event<A: DeserializeOwned>(payload: &str) -> LambdaEvent<Payload<A>> {
    LambdaEvent::new(serde_json::from_str(payload).unwrap(), context())
}

/// Invokes a traced handler once.
pub(crate) async fn invoke<S, A>(service: &mut S, payload: &str) -> Result<S::Response, S::Error>
where
    S: Service<LambdaEvent<Payload<A>>>,
    A: DeserializeOwned,
{
    service.ready().await?.call(event(payload)).await
}

/// The body of a response that is not streamed.
pub(crate) fn buffered<B, S>(
    response: Result<FunctionResponse<B, TracedStream<S>>, TracedError>,
) -> B {
    match response.unwrap() {
        FunctionResponse::BufferedResponse(body) => body,
        FunctionResponse::StreamingResponse(_) => panic!("a streamed response"),
    }
}

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);
