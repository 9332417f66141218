//! The SDK: made once, reused by every warm invocation.

mod pipeline;

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use once_cell::sync::{Lazy, OnceCell};
use opentelemetry::{KeyValue, trace::TraceId};
use pipeline::Pipeline;

#[cfg(any(feature = "lambda", feature = "http"))]
use crate::invocation::OpenRequests;
use crate::{
    Config, Content, Credentials, Error, FlushReport, Losses, Observation, ObservationBuilder,
    ObservationType,
    composition::LiveSpans,
    config::{Destination, Settings},
    diagnostics,
    observation::{attributes, redact_keys},
    provider::OpenCalls,
    transport::{Delivery, Patience},
};

/// The SDK of this process, made from the environment at the first call.
///
/// Call it, or [`init`], at module scope or early in `main`: every warm invocation then finds it
/// ready.
///
/// ```
/// let sdk = warmspan::sdk();
/// let step = sdk.span("step");
/// step.output("done").end();
/// ```
pub fn sdk() -> &'static Sdk {
    PROCESS_SDK.get_or_init(|| Sdk::new(Config::new()))
}

/// Makes the SDK of this process from `config`. Later calls return the same one; if they bring
/// other settings they warn.
///
/// ```
/// use warmspan::{Config, Content};
///
/// let sdk = warmspan::init(Config::new().content(Content::Off));
/// assert!(std::ptr::eq(sdk, warmspan::sdk()));
/// ```
pub fn init(config: Config) -> &'static Sdk {
    let mut config = Some(config);
    let sdk = PROCESS_SDK.get_or_init(|| Sdk::new(config.take().unwrap_or_default()));
    if let Some(config) = config {
        let (settings, _) = config.resolve();
        if !settings.same_as(sdk.settings()) {
            diagnostics::warn(
                "initialised a second time with other settings, which are ignored: initialise once, at module \
                 scope; for a second project make an `Sdk::new` of its own",
            );
        }
    }
    sdk
}

/// Like [`init`], with keys that come from an asynchronous loader such as AWS Secrets Manager.
/// If the loader fails, tracing is off after one warning; the function runs on.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use warmspan::{Config, Credentials};
///
/// async fn load() -> Result<Credentials, std::io::Error> {
///     Ok(Credentials::new("pk-lf-1", "sk-lf-1")) // from your secrets manager
/// }
/// let sdk = warmspan::init_with_credentials(Config::new(), load()).await;
/// # }
/// ```
pub async fn init_with_credentials<E: fmt::Display>(
    config: Config,
    loader: impl Future<Output = Result<Credentials, E>>,
) -> &'static Sdk {
    if let Some(sdk) = PROCESS_SDK.get() {
        diagnostics::warn(
            "the SDK was used before its keys were loaded, so they are ignored: await `init_with_credentials` first \
             in `main`",
        );
        return sdk;
    }
    match loader.await {
        Ok(credentials) => init(config.credentials(credentials)),
        Err(error) => {
            diagnostics::warn(format_args!(
                "the keys could not be loaded and tracing is off: {}",
                redact_keys(&error.to_string())
            ));
            init(config.enabled(false))
        }
    }
}

/// How many characters of a payload are worth keeping before it is known which SDK will record it:
/// what the most curious of them keeps. `None` when there is none.
pub(crate) fn capture_limit() -> Option<usize> {
    CAPTURE_LIMIT.load(Ordering::Relaxed).checked_sub(1)
}

/// One more than the limit, so that zero means none.
static CAPTURE_LIMIT: AtomicUsize = AtomicUsize::new(0);

static PROCESS_SDK: OnceCell<Sdk> = OnceCell::new();

/// A tracing pipeline to one project. Cheap to clone; every clone is the same SDK.
///
/// Most programs use the one of the process, [`sdk()`]. Several can live side by side, for several
/// projects: an observation started inside of another belongs to the SDK that started it.
#[derive(Clone)]
pub struct Sdk(Arc<Inner>);

struct Inner {
    settings: Settings,
    common_attributes: Vec<KeyValue>,
    pipeline: Option<Pipeline>,
    /// Whether no invocation has been seen yet: the one fact that is the process's, not the
    /// request's.
    is_cold: AtomicBool,
    open_calls: OpenCalls,
    #[cfg(any(feature = "lambda", feature = "http"))]
    open_requests: OpenRequests,
    live_spans: LiveSpans,
}

impl Sdk {
    /// An SDK of its own. What cannot be used in `config` is warned of; nothing fails.
    pub fn new(config: Config) -> Self {
        let (settings, warnings) = config.resolve();
        for warning in warnings {
            diagnostics::warn(warning);
        }
        let pipeline = settings.destination.as_ref().and_then(|destination| {
            let pipeline = Pipeline::new(destination, &settings);
            pipeline
                .map_err(|error| diagnostics::warn(format_args!("tracing is off: {error}")))
                .ok()
        });
        if pipeline.is_some() {
            CAPTURE_LIMIT.fetch_max(settings.content.max_chars() + 1, Ordering::Relaxed);
        }
        Self(Arc::new(Inner {
            common_attributes: common_attributes(&settings),
            settings,
            pipeline,
            is_cold: AtomicBool::new(true),
            open_calls: OpenCalls::default(),
            #[cfg(any(feature = "lambda", feature = "http"))]
            open_requests: OpenRequests::default(),
            live_spans: LiveSpans::default(),
        }))
    }

    /// An SDK that records nothing.
    pub fn disabled() -> Self {
        Self::disabled_static().clone()
    }

    /// Begins to describe an observation inside of the current one.
    pub fn observation(&self, name: impl Into<Cow<'static, str>>) -> ObservationBuilder<'_> {
        ObservationBuilder::new(self, name.into())
    }

    /// Starts a span: any operation.
    pub fn span(&self, name: impl Into<Cow<'static, str>>) -> Observation {
        self.observation(name).start()
    }

    /// Starts a generation: a call to a model.
    pub fn generation(&self, name: impl Into<Cow<'static, str>>) -> Observation {
        self.observation(name)
            .as_type(ObservationType::Generation)
            .start()
    }

    /// Starts a call to a tool.
    pub fn tool(&self, name: impl Into<Cow<'static, str>>) -> Observation {
        self.observation(name)
            .as_type(ObservationType::Tool)
            .start()
    }

    /// Records a point in time. It ends as it begins when the returned handle is dropped or
    /// [ended](Observation::end); until then it takes input, output and metadata.
    pub fn event(&self, name: impl Into<Cow<'static, str>>) -> Observation {
        self.observation(name)
            .as_type(ObservationType::Event)
            .start()
    }

    /// Sends what has ended, on the caller's runtime, within `budget`. Model calls whose responses
    /// are still streaming are waited for, for half of it at most; then they are sent as far as
    /// they have come, and later pieces are no longer observed. The SDK keeps running; what
    /// could not be sent is kept for the next flush. Works on every Tokio runtime that has its time
    /// and I/O drivers (`enable_all`), `current_thread` included, and outside of Tokio.
    pub async fn force_flush(&self, budget: Duration) -> FlushReport {
        self.flush(budget, Patience::Prompt).await
    }

    /// Sends what has ended, trying again until `budget` is spent, and stops: for command-line
    /// tools and at the end of `main`. What then is still unsent is lost, counted and warned of.
    pub async fn shutdown(&self, budget: Duration) -> FlushReport {
        if let Some(pipeline) = &self.0.pipeline {
            pipeline.stop_periodic();
            pipeline.delivery().queue().release();
        }
        let mut report = self.flush(budget, Patience::Persistent).await;
        if let Some(pipeline) = &self.0.pipeline {
            let abandoned = pipeline.shut_down();
            report.lost += abandoned;
            report.kept = 0;
            report.waiting = 0;
        }
        report
    }

    /// Asks the back-end whether the keys are good, within `budget`.
    ///
    /// # Errors
    ///
    /// Tracing is off ([`Error::is_disabled`]), the keys are refused ([`Error::is_unauthorized`]),
    /// or the back-end does not answer ([`Error::is_timeout`], [`Error::is_connect`]). A plain OTLP
    /// back-end cannot be asked and counts as good.
    pub async fn auth_check(&self, budget: Duration) -> Result<(), Error> {
        let delivery = self.delivery().ok_or_else(Error::disabled)?;
        delivery
            .projects(budget)
            .await
            .unwrap_or(Ok(Bytes::new()))
            .map(drop)
    }

    /// Where to see a trace in Langfuse. Asks Langfuse for the project's id, within `budget`.
    ///
    /// # Errors
    ///
    /// As [`auth_check`](Self::auth_check); and a plain OTLP back-end has no such address
    /// ([`Error::is_disabled`]).
    pub async fn trace_url(&self, trace: TraceId, budget: Duration) -> Result<String, Error> {
        let pipeline = self.0.pipeline.as_ref().ok_or_else(Error::disabled)?;
        let Some(Destination::Langfuse(langfuse)) = &self.0.settings.destination else {
            return Err(Error::disabled());
        };
        let body = pipeline
            .delivery()
            .projects(budget)
            .await
            .ok_or_else(Error::disabled)??;
        let projects: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let project = projects
            .pointer("/data/0/id")
            .and_then(serde_json::Value::as_str);
        let project =
            project.ok_or_else(|| Error::configuration("these keys belong to no project"))?;
        Ok(format!(
            "{}/project/{project}/traces/{trace}",
            langfuse.base_url
        ))
    }

    /// Whether observations are recorded.
    pub fn is_enabled(&self) -> bool {
        self.pipeline().is_some()
    }

    /// Spans that wait to be sent.
    pub fn pending_spans(&self) -> usize {
        self.0
            .pipeline
            .as_ref()
            .map_or(0, |pipeline| pipeline.delivery().queue().held(None))
    }

    /// Spans that were recorded and then left out, because their traces were neither slow nor
    /// failed ([`Config::keep_errors`], [`Config::keep_slower_than`]) nor sampled. No loss.
    pub fn spans_sampled_out(&self) -> usize {
        self.delivery()
            .map_or(0, |delivery| delivery.queue().sampled_out())
    }

    /// Spans lost since the SDK was made, by reason.
    pub fn losses(&self) -> Losses {
        self.0
            .pipeline
            .as_ref()
            .map_or_else(Losses::default, |pipeline| {
                pipeline.delivery().queue().losses()
            })
    }

    /// How much of automatically captured content leaves the process.
    pub fn content(&self) -> Content {
        self.0.settings.content
    }

    /// The model calls whose responses are still being read.
    pub(crate) fn open_calls(&self) -> &OpenCalls {
        &self.0.open_calls
    }

    /// The open spans of the application, if it composes them with observations.
    pub(crate) fn live_spans(&self) -> &LiveSpans {
        &self.0.live_spans
    }

    /// The requests whose roots have not ended.
    #[cfg(any(feature = "lambda", feature = "http"))]
    pub(crate) fn open_requests(&self) -> &OpenRequests {
        &self.0.open_requests
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// What every observation carries.
    pub(crate) fn common_attributes(&self) -> &[KeyValue] {
        &self.0.common_attributes
    }

    /// The same, also after the shutdown: its queue counts what comes too late.
    pub(crate) fn pipeline_even_if_shut_down(&self) -> Option<&Pipeline> {
        self.0.pipeline.as_ref()
    }

    /// What records, as long as it does: not when tracing is off or the SDK has been shut down.
    pub(crate) fn pipeline(&self) -> Option<&Pipeline> {
        let pipeline = self.0.pipeline.as_ref();
        pipeline.filter(|pipeline| !pipeline.is_shut_down())
    }

    pub(crate) fn delivery(&self) -> Option<&Arc<Delivery>> {
        self.0.pipeline.as_ref().map(Pipeline::delivery)
    }

    /// Connects ahead of the first flush, if there is a runtime to do it on.
    pub(crate) fn warm_up_in_background(&self) {
        let (Some(delivery), Ok(runtime)) =
            (self.delivery(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let delivery = Arc::clone(delivery);
        runtime.spawn(async move {
            if let Err(error) = delivery.connections().warm_up().await {
                diagnostics::debug(delivery.debug(), format_args!("connecting ahead: {error}"));
            }
        });
    }

    /// Whether this is the first invocation of the process.
    pub(crate) fn take_cold(&self) -> bool {
        self.0.is_cold.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn disabled_static() -> &'static Self {
        static DISABLED: Lazy<Sdk> = Lazy::new(|| Sdk::new(Config::new().enabled(false)));
        &DISABLED
    }

    async fn flush(&self, budget: Duration, patience: Patience) -> FlushReport {
        match &self.0.pipeline {
            None => FlushReport::default(),
            Some(pipeline) if tokio::runtime::Handle::try_current().is_ok() => {
                let begin = Instant::now();
                // Half of the budget is for streams that are still open, the rest for sending.
                self.0.open_calls.settle(budget / 2).await;
                let left = budget.saturating_sub(begin.elapsed());
                pipeline.delivery().flush(None, left, patience).await
            }
            Some(pipeline) => {
                self.0.open_calls.close_all();
                pipeline
                    .delivery()
                    .flush_from_outside(budget, patience)
                    .await
            }
        }
    }
}

impl fmt::Debug for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Sdk");
        debug
            .field("enabled", &self.is_enabled())
            .field("settings", &self.0.settings);
        #[cfg(any(feature = "lambda", feature = "http"))]
        debug.field("requests", &self.0.open_requests);
        debug.finish_non_exhaustive()
    }
}

/// Environment and release, cheap to clone.
fn common_attributes(settings: &Settings) -> Vec<KeyValue> {
    let shared = |text: &Option<String>| Some(Arc::<str>::from(text.as_deref()?));
    let environment =
        shared(&settings.environment).map(|text| KeyValue::new(attributes::ENVIRONMENT, text));
    let release = shared(&settings.release).map(|text| KeyValue::new(attributes::RELEASE, text));
    environment.into_iter().chain(release).collect()
}
