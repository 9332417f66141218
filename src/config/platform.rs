//! What the platform says of itself in the environment.
//!
//! Names: OpenTelemetry semantic conventions 1.41 (`cloud.*`, `faas.*`). Variables: Google Cloud,
//! "Container runtime contract"; Azure, "App settings reference for Azure Functions"; Vercel,
//! "System environment variables".

use std::sync::Arc;

use super::{is_environment, setting::Environment};
use crate::observation::attributes;

/// What every root of a server says of where it runs. The Lambda adapter knows more, from its own
/// context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) facts: Vec<(&'static str, Arc<str>)>,
    /// Whether requests come through Vercel, with its headers of their ids.
    pub(crate) is_vercel: bool,
    /// Whether requests come from the host of Azure Functions, with its header of their ids.
    pub(crate) is_azure_functions: bool,
    /// Whether the process stands still between requests, so that nothing runs in its background.
    pub(crate) is_frozen_between_requests: bool,
}

impl Platform {
    pub(super) fn of(env: &Environment) -> Self {
        // First, since Vercel itself may run it on Lambda. A project may hide the variables from its
        // functions, but not the runtime's socket.
        if ["VERCEL", "VERCEL_IPC_PATH"]
            .iter()
            .any(|variable| env.get(variable).is_some())
        {
            return Self::vercel(env);
        }
        if env.get("AWS_LAMBDA_FUNCTION_NAME").is_some() {
            return Self {
                is_frozen_between_requests: true,
                ..Self::default()
            };
        }
        let mut platform = Self::default();
        if let Some(service) = env.get("K_SERVICE") {
            platform.is_on_cloud_run(service, env);
        } else if let Some(site) = env.get("WEBSITE_SITE_NAME") {
            platform.is_on_azure(site, env);
        }
        platform
    }

    fn vercel(env: &Environment) -> Self {
        let mut platform = Self {
            is_vercel: true,
            is_frozen_between_requests: true,
            ..Self::default()
        };
        platform.say(attributes::CLOUD_PROVIDER, Some("vercel"));
        platform.say(attributes::CLOUD_REGION, env.get("VERCEL_REGION"));
        platform.say(
            attributes::VERCEL_DEPLOYMENT_ID,
            env.get("VERCEL_DEPLOYMENT_ID"),
        );
        platform
    }

    fn is_on_cloud_run(&mut self, service: &str, env: &Environment) {
        let function = env.get("FUNCTION_TARGET");
        let platform = if function.is_some() {
            "gcp_cloud_functions"
        } else {
            "gcp_cloud_run"
        };
        self.say(attributes::CLOUD_PROVIDER, Some("gcp"));
        self.say(attributes::CLOUD_PLATFORM, Some(platform));
        self.say(attributes::FAAS_NAME, Some(service));
        self.say(attributes::FAAS_VERSION, env.get("K_REVISION"));
        self.say(
            attributes::CLOUD_RUN_CONFIGURATION,
            env.get("K_CONFIGURATION"),
        );
        self.say(attributes::CLOUD_FUNCTION_TARGET, function);
        // Cloud Run itself sets neither of these; buildpacks, Firebase and users do.
        self.say(attributes::CLOUD_ACCOUNT_ID, first(env, PROJECT));
        self.say(attributes::CLOUD_REGION, first(env, REGION));
    }

    fn is_on_azure(&mut self, site: &str, env: &Environment) {
        self.is_azure_functions = env.get("FUNCTIONS_CUSTOMHANDLER_PORT").is_some()
            || env.get("FUNCTIONS_EXTENSION_VERSION").is_some();
        let platform = if self.is_azure_functions {
            "azure.functions"
        } else {
            "azure.app_service"
        };
        // "{subscription}+{resource group}-{webspace}"
        let subscription = env
            .get("WEBSITE_OWNER_NAME")
            .and_then(|owner| owner.split_once('+'))
            .map(|(subscription, _)| subscription);
        self.say(attributes::CLOUD_PROVIDER, Some("azure"));
        self.say(attributes::CLOUD_PLATFORM, Some(platform));
        self.say(attributes::FAAS_NAME, Some(site));
        self.say(attributes::FAAS_INSTANCE, env.get("WEBSITE_INSTANCE_ID"));
        self.say(attributes::CLOUD_ACCOUNT_ID, subscription);
        self.say(attributes::CLOUD_REGION, env.get("REGION_NAME"));
    }

    fn say(&mut self, key: &'static str, value: Option<&str>) {
        self.facts.extend(value.map(|value| (key, value.into())));
    }
}

const PROJECT: &[&str] = &["GOOGLE_CLOUD_PROJECT", "GCP_PROJECT", "GCLOUD_PROJECT"];
const REGION: &[&str] = &["GOOGLE_CLOUD_REGION", "CLOUD_RUN_REGION", "FUNCTION_REGION"];

/// The Langfuse environment that the platform's own name of its environment stands for. One that
/// Langfuse would not take is none, without a warning: nobody chose it for Langfuse.
pub(super) fn environment(env: &Environment) -> Option<String> {
    ENVIRONMENT
        .iter()
        .filter_map(|variable| Some(env.get(variable)?.to_ascii_lowercase()))
        .find(|name| is_environment(name))
}

/// `VERCEL_TARGET_ENV` names custom environments too, for which `VERCEL_ENV` says `preview`.
pub(super) const ENVIRONMENT: &[&str] = &[
    "VERCEL_TARGET_ENV",
    "VERCEL_ENV",
    "AZURE_FUNCTIONS_ENVIRONMENT",
];

fn first<'a>(env: &'a Environment, variables: &[&'static str]) -> Option<&'a str> {
    env.first(variables).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(variables: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        let platform = Platform::of(&Environment::new(variables.iter().copied()));
        let owned = |(key, value): &(&'static str, Arc<str>)| (*key, value.to_string());
        platform.facts.iter().map(owned).collect()
    }

    #[test]
    fn a_service_and_a_function_of_cloud_run_differ() {
        let service = [("K_SERVICE", "chat"), ("K_REVISION", "chat-00007-abc")];
        let said = facts(&service);
        assert!(said.contains(&("cloud.platform", "gcp_cloud_run".to_owned())));
        assert!(said.contains(&("faas.version", "chat-00007-abc".to_owned())));
        let function = [("K_SERVICE", "chat"), ("FUNCTION_TARGET", "answer")];
        let said = facts(&function);
        assert!(said.contains(&("cloud.platform", "gcp_cloud_functions".to_owned())));
    }

    #[test]
    fn a_web_app_is_no_function() {
        let said = facts(&[("WEBSITE_SITE_NAME", "chat")]);
        assert!(said.contains(&("cloud.platform", "azure.app_service".to_owned())));
        let said = facts(&[
            ("WEBSITE_SITE_NAME", "chat"),
            ("FUNCTIONS_CUSTOMHANDLER_PORT", "4000"),
            ("WEBSITE_OWNER_NAME", "0b1f-22+chat-WestEuropewebspace"),
        ]);
        assert!(said.contains(&("cloud.platform", "azure.functions".to_owned())));
        assert!(said.contains(&("cloud.account.id", "0b1f-22".to_owned())));
    }

    #[test]
    fn vercel_is_vercel_whatever_it_runs_on() {
        let variables = [
            ("VERCEL_IPC_PATH", "/tmp/ipc.sock"),
            ("VERCEL_REGION", "iad1"),
            ("AWS_LAMBDA_FUNCTION_NAME", "a-name-of-vercels"),
        ];
        let platform = Platform::of(&Environment::new(variables));
        assert!(platform.is_vercel && platform.is_frozen_between_requests);
        assert!(facts(&variables).contains(&("cloud.region", "iad1".to_owned())));
    }

    #[test]
    fn elsewhere_nothing_is_said() {
        assert_eq!(facts(&[]), []);
        let lambda = [("AWS_LAMBDA_FUNCTION_NAME", "chat"), ("K_SERVICE", "chat")];
        assert_eq!(facts(&lambda), []);
    }

    #[test]
    fn the_first_environment_that_langfuse_takes_counts() {
        for (variables, expected) in [
            (&[("VERCEL_ENV", "production")][..], Some("production")),
            (
                &[("VERCEL_ENV", "preview"), ("VERCEL_TARGET_ENV", "qa")],
                Some("qa"),
            ),
            (
                &[("VERCEL_ENV", "preview"), ("VERCEL_TARGET_ENV", "Q A")],
                Some("preview"),
            ),
            (
                &[("AZURE_FUNCTIONS_ENVIRONMENT", "Staging")],
                Some("staging"),
            ),
            (&[("VERCEL_ENV", "langfuse-x")], None),
            (&[], None),
        ] {
            let env = Environment::new(variables.iter().copied());
            assert_eq!(environment(&env).as_deref(), expected, "{variables:?}");
        }
    }
}
