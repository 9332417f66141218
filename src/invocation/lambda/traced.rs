//! The service around the handler.

use std::{
    borrow::Cow,
    fmt,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context as TaskContext, Poll},
    time::SystemTime,
};

use bytes::Bytes;
use futures_util::Stream;
use lambda_runtime::{
    Context, Diagnostic, Error, FunctionResponse, IntoFunctionResponse, LambdaEvent,
};
use serde::{Serialize, de::DeserializeOwned};
use tower_service::Service;

use super::{Payload, TracedError, TracedFuture, TracedStream, future::Handling};
use crate::{
    Observation, Sdk,
    invocation::{budget::Deadline, events::Event, scope::Scope},
    observation::attributes,
};

/// Traces a handler: each invocation becomes a trace of the process's SDK, [`warmspan::sdk`](crate::sdk).
///
/// ```no_run
/// use lambda_runtime::{Error, LambdaEvent, service_fn};
/// use serde_json::Value;
/// use warmspan::lambda::traced;
///
/// async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
///     Ok(event.payload)
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Error> {
/// lambda_runtime::run(traced(service_fn(handler))).await
/// # }
/// ```
pub fn traced<H, A, B, S>(handler: H) -> Traced<H, A, B, S> {
    Traced::new(handler, crate::sdk().clone())
}

/// A handler that is traced. Made by [`traced`]; a clone for `run_concurrent` shares its SDK.
///
/// `A` is the payload; `B` and `S` are the buffered and the streamed response.
pub struct Traced<H, A, B, S> {
    handler: H,
    sdk: Sdk,
    types: PhantomData<fn(A) -> (B, S)>,
}

impl<H, A, B, S> Traced<H, A, B, S> {
    /// Traces `handler` with an SDK of your own, which is connected while the environment is still
    /// being initialised. The process's SDK is left alone.
    pub fn new(handler: H, sdk: Sdk) -> Self {
        sdk.warm_up_in_background();
        Self {
            handler,
            sdk,
            types: PhantomData,
        }
    }
}

impl<H, A, B, S, D, E> Service<LambdaEvent<Payload<A>>> for Traced<H, A, B, S>
where
    H: Service<LambdaEvent<A>>,
    H::Response: IntoFunctionResponse<B, S>,
    H::Error: Into<Diagnostic> + fmt::Debug,
    A: DeserializeOwned,
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    E: Into<Error> + Send + fmt::Debug,
{
    type Response = FunctionResponse<B, TracedStream<S>>;
    type Error = TracedError;
    type Future = TracedFuture<H::Future, B, S>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), TracedError>> {
        self.handler.poll_ready(cx).map_err(TracedError::of)
    }

    fn call(&mut self, event: LambdaEvent<Payload<A>>) -> Self::Future {
        let LambdaEvent {
            payload: Payload {
                event: told,
                parsed,
            },
            context,
        } = event;
        let scope = open(&self.sdk, &context, &told);
        let otel = scope.context();
        let handling = match parsed {
            Err(message) => Handling::Failed(TracedError::payload(message)),
            Ok(payload) => {
                let _attached = otel.clone().attach();
                let call =
                    AssertUnwindSafe(|| self.handler.call(LambdaEvent::new(payload, context)));
                match catch_unwind(call) {
                    Ok(future) => Handling::Running(future),
                    Err(panic) => Handling::Panicked(panic),
                }
            }
        };
        TracedFuture::new(handling, scope, otel, told.is_http)
    }
}

impl<H: Clone, A, B, S> Clone for Traced<H, A, B, S> {
    fn clone(&self) -> Self {
        Self {
            handler: self.handler.clone(),
            sdk: self.sdk.clone(),
            types: PhantomData,
        }
    }
}

impl<H: fmt::Debug, A, B, S> fmt::Debug for Traced<H, A, B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced")
            .field("handler", &self.handler)
            .field("sdk", &self.sdk)
            .finish_non_exhaustive()
    }
}

/// Opens the root of an invocation.
fn open(sdk: &Sdk, context: &Context, event: &Event) -> Scope {
    let name = Cow::Owned(context.env_config.function_name.clone());
    let scope = Scope::open(sdk, name, &event.incoming, deadline(context));
    if scope.root().is_recording() {
        describe_invocation(scope.root(), context);
        describe_event(scope.root(), event);
    }
    scope
}

pub(crate) fn deadline(context: &Context) -> Deadline {
    Deadline::new(context.deadline(), SystemTime::now())
}

/// Says what Lambda says of an invocation.
pub(crate) fn describe_invocation(root: &Observation, context: &Context) {
    let config = &context.env_config;
    root.attribute(attributes::FAAS_NAME, config.function_name.clone())
        .attribute(attributes::FAAS_VERSION, config.version.clone())
        .attribute(
            attributes::FAAS_MAX_MEMORY,
            i64::from(config.memory) * 1024 * 1024,
        )
        .attribute(attributes::FAAS_INVOCATION_ID, context.request_id.clone())
        .attribute(
            attributes::AWS_INVOKED_ARN,
            context.invoked_function_arn.clone(),
        );
    if let Some(kind) = &root.sdk().settings().initialization_type {
        root.attribute(attributes::LAMBDA_INITIALIZATION_TYPE, kind.clone());
    }
    if let Some(tenant) = &context.tenant_id {
        root.attribute(attributes::LAMBDA_TENANT_ID, tenant.clone());
    }
    if let Some(trace) = &context.xray_trace_id {
        root.attribute(attributes::AWS_XRAY_TRACE_ID, trace.clone());
    }
    if let Some(left) = deadline(context).remaining(SystemTime::now()) {
        root.attribute(
            attributes::LAMBDA_REMAINING_MS,
            i64::try_from(left.as_millis()).unwrap_or(i64::MAX),
        );
    }
}

fn describe_event(root: &Observation, event: &Event) {
    root.attribute(
        attributes::FAAS_TRIGGER,
        if event.is_http { "http" } else { "other" },
    );
    if let Some(method) = &event.method {
        root.attribute(attributes::HTTP_METHOD, method.clone());
    }
    if let Some(route) = &event.route {
        root.attribute(attributes::HTTP_ROUTE, route.clone());
    }
    if let Some(input) = &event.input {
        root.captured_input(input.clone().cut_to(root.sdk().content().max_chars()));
    }
}
