//! Every attribute key that the library writes.
//!
//! `langfuse.*`: langfuse/langfuse, `OtelIngestionProcessor` and the official SDKs.
//! `faas.*`, `cloud.*`, `http.*`: OpenTelemetry semantic conventions 1.41.
//! `warmspan.*`: ours.

use std::borrow::Cow;

use super::content::beginning;

pub(crate) const TYPE: &str = "langfuse.observation.type";
pub(crate) const INPUT: &str = "langfuse.observation.input";
pub(crate) const OUTPUT: &str = "langfuse.observation.output";
pub(crate) const LEVEL: &str = "langfuse.observation.level";
pub(crate) const STATUS_MESSAGE: &str = "langfuse.observation.status_message";
pub(crate) const MODEL: &str = "langfuse.observation.model.name";
pub(crate) const MODEL_PARAMETERS: &str = "langfuse.observation.model.parameters";
pub(crate) const USAGE_DETAILS: &str = "langfuse.observation.usage_details";
pub(crate) const COST_DETAILS: &str = "langfuse.observation.cost_details";
/// A JSON string, quotes included, as both official SDKs write it.
pub(crate) const COMPLETION_START_TIME: &str = "langfuse.observation.completion_start_time";
/// The prefix of one attribute per top-level key.
pub(crate) const METADATA: &str = "langfuse.observation.metadata";
pub(crate) const PROMPT_NAME: &str = "langfuse.observation.prompt.name";
/// An integer: a string makes the server drop the observation.
pub(crate) const PROMPT_VERSION: &str = "langfuse.observation.prompt.version";
pub(crate) const USER_ID: &str = "user.id";
pub(crate) const SESSION_ID: &str = "session.id";
pub(crate) const TRACE_NAME: &str = "langfuse.trace.name";
pub(crate) const TRACE_TAGS: &str = "langfuse.trace.tags";
pub(crate) const TRACE_PUBLIC: &str = "langfuse.trace.public";
/// The prefix of one attribute per top-level key.
pub(crate) const TRACE_METADATA: &str = "langfuse.trace.metadata";
pub(crate) const VERSION: &str = "langfuse.version";
pub(crate) const RELEASE: &str = "langfuse.release";
pub(crate) const ENVIRONMENT: &str = "langfuse.environment";
/// Marks the root of what this application did, also under a remote parent.
pub(crate) const IS_APP_ROOT: &str = "langfuse.internal.is_app_root";

pub(crate) const FAAS_NAME: &str = "faas.name";
pub(crate) const FAAS_VERSION: &str = "faas.version";
pub(crate) const FAAS_COLDSTART: &str = "faas.coldstart";
pub(crate) const FAAS_INVOCATION_ID: &str = "faas.invocation_id";
/// In bytes.
pub(crate) const FAAS_MAX_MEMORY: &str = "faas.max_memory";
pub(crate) const FAAS_TRIGGER: &str = "faas.trigger";
pub(crate) const FAAS_INSTANCE: &str = "faas.instance";
pub(crate) const CLOUD_PROVIDER: &str = "cloud.provider";
pub(crate) const CLOUD_PLATFORM: &str = "cloud.platform";
pub(crate) const CLOUD_REGION: &str = "cloud.region";
pub(crate) const CLOUD_ACCOUNT_ID: &str = "cloud.account.id";
/// Without a name in the conventions.
pub(crate) const CLOUD_RUN_CONFIGURATION: &str = "gcp.cloud_run.configuration";
/// Without a name in the conventions.
pub(crate) const CLOUD_FUNCTION_TARGET: &str = "gcp.cloud_functions.target";
pub(crate) const AWS_INVOKED_ARN: &str = "aws.lambda.invoked_arn";
pub(crate) const AWS_XRAY_TRACE_ID: &str = "aws.xray.trace_id";
pub(crate) const LAMBDA_INITIALIZATION_TYPE: &str = "aws.lambda.initialization_type";
pub(crate) const LAMBDA_TENANT_ID: &str = "aws.lambda.tenant_id";
/// Milliseconds that were left when the handler was called.
pub(crate) const LAMBDA_REMAINING_MS: &str = "aws.lambda.remaining_ms";

pub(crate) const VERCEL_DEPLOYMENT_ID: &str = "vercel.deployment_id";
/// The regions that the request went through, and its id.
pub(crate) const VERCEL_ID: &str = "vercel.id";

pub(crate) const HTTP_METHOD: &str = "http.request.method";
pub(crate) const HTTP_ROUTE: &str = "http.route";
pub(crate) const HTTP_STATUS: &str = "http.response.status_code";

/// Characters that a cut text had, and that were kept of it.
pub(crate) const INPUT_CHARS: &str = "warmspan.input.chars";
pub(crate) const INPUT_KEPT: &str = "warmspan.input.kept";
pub(crate) const OUTPUT_CHARS: &str = "warmspan.output.chars";
pub(crate) const OUTPUT_KEPT: &str = "warmspan.output.kept";
/// Spans lost by this process before this invocation, on roots only.
pub(crate) const LOST_SPANS: &str = "warmspan.lost_spans";

/// Whether the server reads this attribute as more than metadata, and by rules that may cost the
/// observation.
pub(super) fn is_the_servers(key: &str) -> bool {
    key.starts_with("langfuse.") || ["llm.invocation_parameters", "model_config"].contains(&key)
}

/// A name that the server takes: the name of a root is the trace's, and it drops traces with names
/// of more than 1000 UTF-16 units.
pub(crate) fn name(name: Cow<'static, str>) -> Cow<'static, str> {
    if name.len() <= MAX_NAME_UNITS || name.encode_utf16().count() <= MAX_NAME_UNITS {
        return name;
    }
    let mut units = 0;
    let chars = name.chars().take_while(|character| {
        units += character.len_utf16();
        units < MAX_NAME_UNITS
    });
    let chars = chars.count();
    Cow::Owned(format!("{}…", beginning(&name, chars)))
}

const MAX_NAME_UNITS: usize = 1000;

/// Characters kept of a status message.
pub(crate) const MAX_STATUS_CHARS: usize = 500;
