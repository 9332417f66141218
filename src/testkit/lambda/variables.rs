//! The environment variables of a function.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use super::builder::Settings;

/// What AWS sets for an OS-only runtime, and what the user adds. No credentials: a function that needs some must be given them.
pub(super) fn variables(
    settings: &Settings,
    api: SocketAddr,
) -> impl Iterator<Item = (OsString, OsString)> {
    let task_root = settings
        .bootstrap
        .parent()
        .unwrap_or(Path::new("/"))
        .display()
        .to_string();
    let mut environment = vec![
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", settings.function_name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            settings.memory_mb.to_string(),
        ),
        (
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            settings.initialization_type.clone(),
        ),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{}", settings.function_name),
        ),
        (
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef".to_owned(),
        ),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LAMBDA_TASK_ROOT", task_root),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".to_owned()),
    ];
    if let Some(workers) = settings.max_concurrency {
        environment.push(("AWS_LAMBDA_MAX_CONCURRENCY", workers.to_string()));
    }
    let ours = environment
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()));
    ours.chain(settings.env.iter().cloned())
}
