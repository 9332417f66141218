//! Every setting: its name, its variables, what it takes and what it is where nobody says anything.

use std::time::Duration;

use super::{
    FlushPoint, ParentPolicy, is_environment, policy,
    setting::{self, Setting},
};
use crate::Content;

pub(super) static ENABLED: Setting<bool> = Setting {
    name: "enabled",
    variables: &["LANGFUSE_TRACING_ENABLED"],
    expects: "`true` or `false`",
    parse: setting::flag,
    default: || true,
};

pub(super) static SAMPLE_RATE: Setting<f64> = Setting {
    name: "sample_rate",
    variables: &["LANGFUSE_SAMPLE_RATE"],
    expects: "a number from 0 to 1",
    parse: |text| {
        text.trim()
            .parse()
            .ok()
            .filter(|rate| (0.0..=1.0).contains(rate))
    },
    default: || 1.0,
};

pub(super) static KEEP_ERRORS: Setting<bool> = Setting {
    name: "keep_errors",
    variables: &["WARMSPAN_KEEP_ERRORS"],
    expects: "`true` or `false`",
    parse: setting::flag,
    default: || false,
};

pub(super) static KEEP_SLOWER_THAN: Setting<Option<Duration>> = Setting {
    name: "keep_slower_than",
    variables: &["WARMSPAN_KEEP_SLOWER_THAN"],
    expects: "a number of seconds, 0 or more",
    parse: |text| {
        let seconds: f64 = text.trim().parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok().map(Some)
    },
    default: || None,
};

pub(super) static TIMEOUT: Setting<Duration> = Setting {
    name: "timeout",
    variables: &["LANGFUSE_TIMEOUT"],
    expects: "a number of seconds from 0.001 to 900",
    parse: |text| {
        let seconds: f64 = text.trim().parse().ok()?;
        (0.001..=900.0)
            .contains(&seconds)
            .then(|| Duration::from_secs_f64(seconds))
    },
    default: || Duration::from_secs(2),
};

pub(super) static DEBUG: Setting<bool> = Setting {
    name: "debug",
    variables: &["LANGFUSE_DEBUG"],
    expects: "`true` or `false`",
    parse: setting::flag,
    default: || false,
};

/// The fallbacks are those of the Python SDK, the commit variable of Vercel, and what Cloud Run
/// calls a deployment.
pub(super) static RELEASE: Setting<Option<String>> = Setting {
    name: "release",
    variables: &[
        "LANGFUSE_RELEASE",
        "RENDER_GIT_COMMIT",
        "CI_COMMIT_SHA",
        "CIRCLE_SHA1",
        "SOURCE_VERSION",
        "TRAVIS_COMMIT",
        "GIT_COMMIT",
        "GITHUB_SHA",
        "BITBUCKET_COMMIT",
        "BUILD_SOURCEVERSION",
        "DRONE_COMMIT_SHA",
        "VERCEL_GIT_COMMIT_SHA",
        "K_REVISION",
    ],
    expects: "at most 200 characters",
    parse: |text| (text.chars().count() <= 200).then(|| Some(text.to_owned())),
    default: || None,
};

pub(super) static ENVIRONMENT: Setting<Option<String>> = Setting {
    name: "environment",
    variables: &["LANGFUSE_TRACING_ENVIRONMENT"],
    expects: "at most 40 lower-case letters, digits, `-` or `_`, not beginning with `langfuse`",
    parse: |text| is_environment(text).then(|| Some(text.to_owned())),
    default: || None,
};

pub(super) static CONTENT: Setting<Content> = Setting {
    name: "content",
    variables: &["WARMSPAN_CONTENT"],
    expects: "`preview`, `full` or `off`",
    parse: policy::parse_content,
    default: Content::default,
};

pub(super) static FLUSH_POINT: Setting<FlushPoint> = Setting {
    name: "flush_point",
    variables: &["WARMSPAN_FLUSH"],
    expects: "`before-response` or `after-response`",
    parse: FlushPoint::parse,
    default: FlushPoint::default,
};

pub(super) static FLUSH_INTERVAL: Setting<Option<Duration>> = Setting {
    name: "flush_interval",
    variables: &["LANGFUSE_FLUSH_INTERVAL"],
    expects: "a number of seconds from 0.001 to 86400, or 0 for none",
    parse: |text| {
        let seconds: f64 = text.trim().parse().ok()?;
        if seconds == 0.0 {
            return Some(None);
        }
        (0.001..=86_400.0)
            .contains(&seconds)
            .then(|| Some(Duration::from_secs_f64(seconds)))
    },
    default: || None,
};

pub(super) static PARENT: Setting<ParentPolicy> = Setting {
    name: "parent",
    variables: &["WARMSPAN_PARENT"],
    expects: "`auto`, `continue` or `root`",
    parse: ParentPolicy::parse,
    default: ParentPolicy::default,
};

pub(super) static COMPRESSION: Setting<Option<bool>> = Setting {
    name: "compression",
    variables: &["LANGFUSE_OTEL_COMPRESSION"],
    expects: "`gzip` or `none`",
    parse: |text| match text {
        "gzip" => Some(Some(true)),
        "none" => Some(Some(false)),
        _ => None,
    },
    default: || None,
};

/// The service's name when nobody says one.
pub(crate) const UNKNOWN_SERVICE: &str = "unknown_service";

pub(super) static SERVICE_NAME: Setting<String> = Setting {
    name: "service_name",
    variables: &[
        "OTEL_SERVICE_NAME",
        // Before that of the Lambda function which Vercel may run it on.
        "VERCEL_GIT_REPO_SLUG",
        "AWS_LAMBDA_FUNCTION_NAME",
        "K_SERVICE",
        "WEBSITE_SITE_NAME",
    ],
    expects: "a name",
    parse: |text| Some(text.to_owned()),
    default: || UNKNOWN_SERVICE.to_owned(),
};
