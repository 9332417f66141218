//! The interceptor for the AWS SDK's client.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                BeforeDeserializationInterceptorContextMut,
                BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
                Error, FinalizerInterceptorContextRef,
            },
        },
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{ConfigBag, Storable, StoreReplace},
};

use crate::provider::{
    call::Ended, endpoint::Endpoint, failure::Failure, observed_body::ObservedBody,
    observed_call::ObservedCall, origin::Origin,
};

/// The interceptor for a client of Bedrock's runtime. Other requests pass untouched.
///
/// ```
/// let interceptor = warmspan::bedrock::interceptor();
/// // aws_sdk_bedrockruntime::config::Builder::from(&sdk_config).interceptor(interceptor)
/// ```
pub fn interceptor() -> ObserveInterceptor {
    ObserveInterceptor(())
}

/// Observes the calls of a client. Made by [`interceptor()`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ObserveInterceptor(());

/// One call of the client, with all its attempts.
struct Running {
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: bool,
    /// Until a stream takes it over, which ends it.
    call: Option<ObservedCall>,
}

impl Running {
    fn new(origin: Origin) -> Self {
        Self {
            origin,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees an attempt. They come one after the other, and the program's mask may run here: nothing
    /// is locked while a call begins.
    fn see(&self, begin: impl FnOnce(&Origin) -> Option<ObservedCall>) {
        if !std::mem::replace(&mut self.state().seen, true) {
            let call = begin(&self.origin);
            self.state().call = call;
        }
        if let Some(call) = &self.state().call {
            call.attempt();
        }
    }

    /// Lets the body of a stream be read as it passes. Any other response may not be the last one:
    /// see [`Running::finish`].
    fn pass(&self, response: &mut HttpResponse) {
        let content_type = response.headers().get("content-type");
        let is_stream = content_type.is_some_and(|kind| kind.contains("eventstream"));
        if !is_stream || !response.status().is_success() {
            return;
        }
        let Some(call) = self.take() else {
            return;
        };
        read_head(&call, response);
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        let body = ObservedBody::new(body, call, |error| Failure::new("body", &error.to_string()));
        *response.body_mut() = SdkBody::from_body_1_x(body);
    }

    /// Reads the last response, whose body is in memory by now unless it broke.
    fn finish(&self, response: Option<&HttpResponse>, failure: Option<Failure>) {
        let Some(call) = self.take() else {
            return;
        };
        if let Some(response) = response {
            read_head(&call, response);
            call.chunk(response.body().bytes().unwrap_or_default());
        }
        match (response, failure) {
            // An error status tells more than what the client makes of it.
            (Some(response), Some(failure)) if response.status().is_success() => {
                call.fail(failure, None);
            }
            (None, Some(failure)) => call.fail(failure, None),
            (Some(_), _) => call.end(Ended::Eof),
            (None, None) => call.end(Ended::Dropped),
        }
    }

    fn take(&self) -> Option<ObservedCall> {
        self.state().call.take()
    }
}

fn begin(origin: &Origin, request: &HttpRequest) -> Option<ObservedCall> {
    let uri: http::Uri = request.uri().parse().ok()?;
    let host = uri.host().unwrap_or_default();
    let endpoint = Endpoint::recognise(request.method(), host, uri.path())?;
    let call = ObservedCall::start(origin, endpoint)?;
    call.request(request.body().bytes().unwrap_or_default());
    Some(call)
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Running").field(&self.state().call).finish()
    }
}

impl Storable for Running {
    type Storer = StoreReplace<Self>;
}

impl Intercept for ObserveInterceptor {
    fn name(&self) -> &'static str {
        "warmspan"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(origin) = Origin::current() {
            config.interceptor_state().store_put(Running::new(origin));
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(running) = config.load::<Running>() {
            running.see(|origin| begin(origin, context.request()));
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(running) = config.load::<Running>() {
            running.pass(context.response_mut());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(running) = config.load::<Running>() {
            let error = context.output_or_error().and_then(Result::err);
            running.finish(context.response(), error.map(failure_of));
        }
        Ok(())
    }
}

fn read_head(call: &ObservedCall, response: &HttpResponse) {
    call.head(response.status().as_u16(), &|name| {
        response.headers().get(name)
    });
}

/// An error without a response.
fn failure_of(error: &OrchestratorError<Error>) -> Failure {
    let kind = if error.is_timeout_error() {
        "timeout"
    } else if error.is_connector_error() {
        "connect"
    } else {
        "_OTHER"
    };
    Failure::new(kind, &error.to_string())
}

#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests {
    use std::time::Duration;

    use aws_smithy_runtime_api::http::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::{
        ObserveFuture as _, Sdk,
        testkit::langfuse::{Langfuse, Observation},
    };

    fn start(origin: &Origin) -> Option<ObservedCall> {
        let host = "bedrock-runtime.us-east-1.amazonaws.com";
        let endpoint = Endpoint::recognise("POST", host, "/model/m/converse")?;
        let call = ObservedCall::start(origin, endpoint)?;
        call.request(br#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}"#);
        Some(call)
    }

    fn response(body: SdkBody) -> HttpResponse {
        let mut response = HttpResponse::new(StatusCode::try_from(200).unwrap(), body);
        response
            .headers_mut()
            .insert("content-type", "application/json");
        response
    }

    /// The generation that comes of attempts with these bodies, the last of which may fail.
    async fn seen(bodies: Vec<SdkBody>, failure: Option<Failure>) -> Observation {
        let langfuse = Langfuse::start().await.unwrap();
        let sdk = Sdk::new(langfuse.config());
        let work = async {
            let running = Running::new(Origin::current().unwrap());
            let mut last = None;
            for body in bodies {
                running.see(start);
                let mut response = response(body);
                running.pass(&mut response);
                last = Some(response);
            }
            running.finish(last.as_ref(), failure);
        };
        work.observed(sdk.span("work")).await;
        assert!(sdk.force_flush(Duration::from_secs(5)).await.is_complete());
        let mut seen = langfuse.observations().into_iter();
        seen.find(|seen| seen.name == "chat m").unwrap()
    }

    fn whole() -> SdkBody {
        let answer = json!({
            "output": { "message": { "content": [{ "text": "Lima" }] } },
            "stopReason": "end_turn", "usage": { "inputTokens": 12, "outputTokens": 2 },
        });
        SdkBody::from(answer.to_string())
    }

    #[tokio::test]
    async fn an_attempt_after_a_broken_body_is_the_one_that_counts() {
        let seen = seen(vec![SdkBody::taken(), whole()], None).await;
        assert_eq!(seen.output.as_deref(), Some("Lima"));
        assert_eq!(seen.level, "DEFAULT");
        assert_eq!(
            seen.text("langfuse.observation.metadata.attempts"),
            Some("2")
        );
    }

    #[tokio::test]
    async fn a_body_that_breaks_in_the_last_attempt_is_an_error() {
        let failure = Failure::new("body", "it broke");
        let seen = seen(vec![SdkBody::taken()], Some(failure)).await;
        assert_eq!(seen.level, "ERROR");
        assert_eq!(seen.status_message.as_deref(), Some("it broke"));
    }
}
