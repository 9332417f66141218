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
struct Running(Mutex<State>);

struct State {
    origin: Origin,
    seen: bool,
    call: Option<ObservedCall>,
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, request: &HttpRequest) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.seen, true) {
            state.call = begin(&state.origin, request);
        }
        if let Some(call) = &state.call {
            call.attempt();
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
            config
                .interceptor_state()
                .store_put(Running(Mutex::new(State {
                    origin,
                    seen: false,
                    call: None,
                })));
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
            running.see(context.request());
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        // An attempt that failed may not be the last; see `read_after_execution`.
        if response.status().is_success()
            && let Some(call) = config.load::<Running>().and_then(Running::take)
        {
            read_head(&call, response);
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            let body =
                ObservedBody::new(body, call, |error| Failure::new("body", &error.to_string()));
            *response.body_mut() = SdkBody::from_body_1_x(body);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(call) = config.load::<Running>().and_then(Running::take) else {
            return Ok(());
        };
        match (context.response(), context.output_or_error()) {
            (Some(response), _) => {
                read_head(&call, response);
                call.chunk(response.body().bytes().unwrap_or_default());
                call.end(Ended::Eof);
            }
            (None, Some(Err(error))) => call.fail(failure_of(error), None),
            (None, _) => call.end(Ended::Dropped),
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
