//! Every setting, declared once and resolved as argument > environment > default.
//!
//! [`Config`] holds what the program says, [`Settings`] what came out of it. The environment is a
//! map that is read once, so tests pass their own and nothing here needs `set_var`.

mod declared;
mod destination;
mod platform;
mod policy;
mod secret;
mod setting;

use std::{fmt, path::PathBuf, time::Duration};

#[cfg(feature = "vercel")]
pub(crate) use declared::UNKNOWN_SERVICE;
pub(crate) use destination::percent_decoded;
pub(crate) use destination::{Destination, LangfuseDestination};
pub(crate) use platform::Platform;
pub use policy::{FlushPoint, ParentPolicy};
pub use secret::Credentials;
pub(crate) use secret::Secret;
use setting::{Environment, Warnings};

use crate::{
    Content,
    observation::{Mask, Redaction},
    queue::TailRule,
};

/// What the program says about tracing; everything left out comes from the environment.
///
/// | method | variable | default |
/// |---|---|---|
/// | [`public_key`](Self::public_key), [`secret_key`](Self::secret_key) | `LANGFUSE_PUBLIC_KEY`, `LANGFUSE_SECRET_KEY` | none: tracing is off |
/// | [`base_url`](Self::base_url) | `LANGFUSE_BASE_URL`, `LANGFUSE_HOST`, `LANGFUSE_BASEURL` | `https://cloud.langfuse.com` |
/// | [`enabled`](Self::enabled) | `LANGFUSE_TRACING_ENABLED`, `OTEL_SDK_DISABLED` | on |
/// | [`sample_rate`](Self::sample_rate) | `LANGFUSE_SAMPLE_RATE` | 1 |
/// | [`keep_errors`](Self::keep_errors) | `WARMSPAN_KEEP_ERRORS` | off |
/// | [`keep_slower_than`](Self::keep_slower_than) | `WARMSPAN_KEEP_SLOWER_THAN`, in seconds | none |
/// | [`timeout`](Self::timeout) | `LANGFUSE_TIMEOUT`, in seconds | 2 s |
/// | [`debug`](Self::debug) | `LANGFUSE_DEBUG` | off |
/// | [`release`](Self::release) | `LANGFUSE_RELEASE`, then the commit variables of common platforms, then `K_REVISION` | none |
/// | [`environment`](Self::environment) | `LANGFUSE_TRACING_ENVIRONMENT`, then `VERCEL_TARGET_ENV`, `VERCEL_ENV`, `AZURE_FUNCTIONS_ENVIRONMENT` | `default` |
/// | [`content`](Self::content) | `WARMSPAN_CONTENT` | `preview` |
/// | [`flush_point`](Self::flush_point) | `WARMSPAN_FLUSH` | `before-response` |
/// | [`flush_interval`](Self::flush_interval) | `LANGFUSE_FLUSH_INTERVAL`, in seconds | none: nothing runs in the background |
/// | [`parent`](Self::parent) | `WARMSPAN_PARENT` | `auto` |
/// | [`compression`](Self::compression) | `LANGFUSE_OTEL_COMPRESSION` (`gzip`, `none`) | gzip when it pays |
/// | [`otlp_endpoint`](Self::otlp_endpoint) | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_ENDPOINT` | none; used only without Langfuse keys |
/// | [`otlp_header`](Self::otlp_header) | `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, `OTEL_EXPORTER_OTLP_HEADERS` | none |
/// | [`service_name`](Self::service_name) | `OTEL_SERVICE_NAME`, `VERCEL_GIT_REPO_SLUG`, `AWS_LAMBDA_FUNCTION_NAME`, `K_SERVICE`, `WEBSITE_SITE_NAME` | `unknown_service` |
/// | [`ca_file`](Self::ca_file) | `SSL_CERT_FILE` | the compiled-in web roots |
///
/// A value that cannot be used is one warning that names the variable, the value and what is used
/// instead; never an error.
///
/// ```
/// use std::time::Duration;
/// use warmspan::{Config, Sdk};
///
/// let config = Config::new()
///     .environment_variables([("LANGFUSE_PUBLIC_KEY", "pk-lf-1"), ("LANGFUSE_SECRET_KEY", "sk-lf-1")])
///     .environment("staging")
///     .timeout(Duration::from_millis(500));
/// let sdk = Sdk::new(config);
/// assert!(sdk.is_enabled());
/// ```
#[derive(Clone, Default)]
#[must_use = "a Config does nothing until it is given to `warmspan::init` or `Sdk::new`"]
pub struct Config {
    credentials: Option<Credentials>,
    public_key: Option<String>,
    secret_key: Option<Secret>,
    base_url: Option<String>,
    enabled: Option<String>,
    sample_rate: Option<String>,
    keep_errors: Option<String>,
    keep_slower_than: Option<String>,
    timeout: Option<String>,
    debug: Option<String>,
    release: Option<String>,
    environment: Option<String>,
    content: Option<String>,
    flush_point: Option<String>,
    flush_interval: Option<String>,
    parent: Option<String>,
    compression: Option<String>,
    otlp_endpoint: Option<String>,
    otlp_headers: Vec<(String, Secret)>,
    service_name: Option<String>,
    ca_file: Option<PathBuf>,
    mask: Option<Mask>,
    redact_explicit: bool,
    variables: Option<Environment>,
    #[cfg(feature = "testkit")]
    ids: Option<crate::testkit::Ids>,
}

impl Config {
    /// Everything from the environment of the process.
    pub fn new() -> Self {
        Self::default()
    }

    /// The project's public key (`pk-lf-...`).
    pub fn public_key(mut self, key: impl Into<String>) -> Self {
        self.public_key = Some(key.into());
        self
    }

    /// The project's secret key (`sk-lf-...`). Never printed.
    pub fn secret_key(mut self, key: impl Into<String>) -> Self {
        self.secret_key = Some(Secret::new(key));
        self
    }

    /// Both keys at once, for instance from a secrets manager.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Where Langfuse runs, for instance `https://us.cloud.langfuse.com`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Whether to trace at all.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = Some(enabled.to_string());
        self
    }

    /// The share of traces that are kept, from 0 to 1. Whole traces are kept or left out.
    pub fn sample_rate(mut self, rate: f64) -> Self {
        self.sample_rate = Some(rate.to_string());
        self
    }

    /// Always keep traces in which something failed, and sample the others by
    /// [`sample_rate`](Self::sample_rate).
    ///
    /// Whether a trace is kept is then decided when its root ends, and nothing of it leaves before.
    /// Of spans of the application's own only errors of those that are sent count.
    /// [`Sdk::shutdown`](crate::Sdk::shutdown) sends what is undecided.
    ///
    /// ```
    /// use std::time::Duration;
    /// use warmspan::Config;
    ///
    /// let config = Config::new()
    ///     .sample_rate(0.05)
    ///     .keep_errors(true)
    ///     .keep_slower_than(Duration::from_secs(10));
    /// ```
    pub fn keep_errors(mut self, keep: bool) -> Self {
        self.keep_errors = Some(keep.to_string());
        self
    }

    /// Always keep traces whose root takes this long or longer: see
    /// [`keep_errors`](Self::keep_errors).
    pub fn keep_slower_than(mut self, limit: Duration) -> Self {
        self.keep_slower_than = Some(limit.as_secs_f64().to_string());
        self
    }

    /// The longest that a flush may delay a response.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout.as_secs_f64().to_string());
        self
    }

    /// Tell about each flush: status, bytes, spans.
    pub fn debug(mut self, debug: bool) -> Self {
        self.debug = Some(debug.to_string());
        self
    }

    /// The version of the application, for instance a commit.
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.release = Some(release.into());
        self
    }

    /// The Langfuse environment, for instance `production`: lower-case letters, digits, `-` and
    /// `_`, at most 40 of them, not beginning with `langfuse`.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// How much of automatically captured content leaves the process.
    pub fn content(mut self, content: Content) -> Self {
        self.content = Some(policy::content_name(content).to_owned());
        self
    }

    /// When an invocation is flushed.
    pub fn flush_point(mut self, point: FlushPoint) -> Self {
        self.flush_point = Some(point.name().to_owned());
        self
    }

    /// How often a long-running server sends what has ended, from a thread of the SDK's own. Together
    /// with [`FlushPoint::AfterResponse`] no response of [`http::TraceLayer`](crate::http::TraceLayer)
    /// waits. Not for functions that are frozen between requests: there a thread would send whenever
    /// they thaw, so on Lambda it has no effect.
    ///
    /// ```
    /// use std::time::Duration;
    /// use warmspan::{Config, FlushPoint};
    ///
    /// let server = Config::new()
    ///     .flush_point(FlushPoint::AfterResponse)
    ///     .flush_interval(Duration::from_secs(5));
    /// ```
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = Some(interval.as_secs_f64().to_string());
        self
    }

    /// Whether an incoming `traceparent` is continued.
    pub fn parent(mut self, policy: ParentPolicy) -> Self {
        self.parent = Some(policy.name().to_owned());
        self
    }

    /// Whether request bodies are always (`true`) or never (`false`) compressed with gzip.
    /// By default only bodies that would not fit the first round trip are.
    pub fn compression(mut self, gzip: bool) -> Self {
        self.compression = Some(if gzip { "gzip" } else { "none" }.to_owned());
        self
    }

    /// Sends to any OTLP/HTTP back-end, a Collector gateway for instance. The URL is used as it
    /// is. With Langfuse keys present the traces go to Langfuse instead.
    pub fn otlp_endpoint(mut self, url: impl Into<String>) -> Self {
        self.otlp_endpoint = Some(url.into());
        self
    }

    /// A header for the OTLP back-end. Its value is never printed.
    pub fn otlp_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.otlp_headers.push((name.into(), Secret::new(value)));
        self
    }

    /// The resource attribute `service.name`.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// A PEM file of the certificate authorities to trust instead of the compiled-in web roots.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// A function that sees every text before it leaves and returns what may, captured or given. It
    /// gets the text, redacted already, and the field's name: `input`, `output`, `status_message`,
    /// `metadata.<key>`, `model_parameters`, of a trace the attribute's key such as `user.id`, of a score `score.value`, `score.comment` and
    /// `score.metadata.<key>`, of [`attribute`](crate::Observation::attribute) the attribute's key.
    /// Of a text that is cut it sees a little more than is kept; a cut argument of an observed
    /// function it sees by itself and again with the others. Of a mask that panics nothing is let
    /// through.
    ///
    /// It does not see what names things: observations, scores, models, versions, releases,
    /// environments and prompts, and the names and ids that the platform gives.
    ///
    /// ```
    /// use warmspan::Config;
    ///
    /// let config = Config::new().mask(|_field, text| text.replace("ACME", "[customer]"));
    /// ```
    pub fn mask(mut self, mask: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Self {
        self.mask = Some(Mask::new(mask));
        self
    }

    /// Takes e-mail addresses, phone and card numbers out of what the program says as well, not
    /// only out of what is captured automatically.
    pub fn redact_explicit(mut self, redact: bool) -> Self {
        self.redact_explicit = redact;
        self
    }

    /// Replaces the environment of the process. Tests use it in place of `set_var`.
    pub fn environment_variables<K, V>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.variables = Some(Environment::new(variables));
        self
    }

    /// Repeatable trace and span ids, for tests.
    #[cfg(feature = "testkit")]
    pub fn ids(mut self, ids: crate::testkit::Ids) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Resolves every setting. The warnings say what could not be used.
    pub(crate) fn resolve(self) -> (Settings, Vec<String>) {
        let env = self.variables.unwrap_or_else(Environment::of_process);
        let mut warnings = Warnings::default();
        let w = &mut warnings;

        let enabled = declared::ENABLED.resolve(self.enabled, &env, w)
            && !(env
                .get("OTEL_SDK_DISABLED")
                .is_some_and(|v| v.eq_ignore_ascii_case("true")));
        let (public_key, secret_key) = match self.credentials {
            Some(Credentials {
                public_key,
                secret_key,
            }) => (Some(public_key), Some(secret_key)),
            None => (self.public_key, self.secret_key),
        };
        let destination = destination::Arguments {
            public_key,
            secret_key,
            base_url: self.base_url,
            otlp_endpoint: self.otlp_endpoint,
            otlp_headers: self.otlp_headers,
        }
        .resolve(enabled, &env, w);
        let platform = Platform::of(&env);
        let mut flush_interval = declared::FLUSH_INTERVAL.resolve(self.flush_interval, &env, w);
        if platform.is_frozen_between_requests && flush_interval.take().is_some() {
            w.push(
                "LANGFUSE_FLUSH_INTERVAL has no effect on Lambda and Vercel, where nothing runs between invocations; each \
                 invocation is flushed"
                    .to_owned(),
            );
        }
        // Somebody who chose an environment that Langfuse does not take was told that there is none.
        let is_environment_chosen =
            self.environment.is_some() || env.first(declared::ENVIRONMENT.variables).is_some();
        let mut environment = declared::ENVIRONMENT.resolve(self.environment, &env, w);
        if !is_environment_chosen {
            environment = platform::environment(&env);
        }

        let settings = Settings {
            destination,
            sample_rate: declared::SAMPLE_RATE.resolve(self.sample_rate, &env, w),
            keep_errors: declared::KEEP_ERRORS.resolve(self.keep_errors, &env, w),
            keep_slower_than: declared::KEEP_SLOWER_THAN.resolve(self.keep_slower_than, &env, w),
            timeout: declared::TIMEOUT.resolve(self.timeout, &env, w),
            debug: declared::DEBUG.resolve(self.debug, &env, w),
            release: declared::RELEASE.resolve(self.release, &env, w),
            environment,
            content: declared::CONTENT.resolve(self.content, &env, w),
            flush_point: declared::FLUSH_POINT.resolve(self.flush_point, &env, w),
            flush_interval,
            parent: declared::PARENT.resolve(self.parent, &env, w),
            gzip: declared::COMPRESSION.resolve(self.compression, &env, w),
            service_name: declared::SERVICE_NAME.resolve(self.service_name, &env, w),
            ca_file: self
                .ca_file
                .or_else(|| env.get("SSL_CERT_FILE").map(PathBuf::from)),
            mask: self.mask,
            explicit_redaction: if self.redact_explicit {
                Redaction::Automatic
            } else {
                Redaction::Explicit
            },
            platform,
            initialization_type: env.get("AWS_LAMBDA_INITIALIZATION_TYPE").map(str::to_owned),
            #[cfg(feature = "testkit")]
            ids: self.ids,
        };
        (settings, warnings.into_messages())
    }
}

/// Shows nothing: any of it may be a secret in the wrong place.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

/// Every setting, resolved.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where spans go; `None` when tracing is off.
    pub(crate) destination: Option<Destination>,
    pub(crate) sample_rate: f64,
    pub(crate) keep_errors: bool,
    pub(crate) keep_slower_than: Option<Duration>,
    pub(crate) timeout: Duration,
    pub(crate) debug: bool,
    pub(crate) release: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) content: Content,
    pub(crate) flush_point: FlushPoint,
    /// `None`: nothing runs in the background.
    pub(crate) flush_interval: Option<Duration>,
    pub(crate) parent: ParentPolicy,
    /// `None`: compress when it pays.
    pub(crate) gzip: Option<bool>,
    pub(crate) service_name: String,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) mask: Option<Mask>,
    pub(crate) explicit_redaction: Redaction,
    pub(crate) platform: Platform,
    /// How Lambda started the environment: `on-demand`, `provisioned-concurrency`, `snap-start`.
    pub(crate) initialization_type: Option<String>,
    #[cfg(feature = "testkit")]
    pub(crate) ids: Option<crate::testkit::Ids>,
}

impl Settings {
    /// How traces are sampled at their end, if that is asked for and leaves anything out.
    pub(crate) fn tail_rule(&self) -> Option<TailRule> {
        let keeps_some = self.keep_errors || self.keep_slower_than.is_some();
        (keeps_some && self.sample_rate < 1.0).then_some(TailRule {
            errors: self.keep_errors,
            slower_than: self.keep_slower_than,
            rate: self.sample_rate,
        })
    }

    /// Whether two sets of settings lead to the same SDK, for the warning of a second `init`.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let fingerprint =
            |settings: &Self| settings.destination.as_ref().map(Destination::fingerprint);
        format!("{self:?}") == format!("{other:?}")
            && fingerprint(self) == fingerprint(other)
            && self.mask == other.mask
    }
}

/// What Langfuse takes for an environment's name.
pub(crate) fn is_environment(text: &str) -> bool {
    let is_allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    };
    (1..=40).contains(&text.len()) && !text.starts_with("langfuse") && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
