//! One setting, and how its value is found.

use std::{collections::HashMap, fmt};

use crate::observation::redact_keys;

/// A setting: its name in [`Config`](super::Config), its variables in order of precedence, and
/// what it accepts.
pub(super) struct Setting<T: 'static> {
    pub(super) name: &'static str,
    pub(super) variables: &'static [&'static str],
    /// Completes the sentence "... is not".
    pub(super) expects: &'static str,
    pub(super) parse: fn(&str) -> Option<T>,
    pub(super) default: fn() -> T,
}

impl<T: fmt::Debug> Setting<T> {
    /// Argument, else the first variable that is set and not empty, else the default. A value
    /// that does not parse falls through to the default with a warning.
    pub(super) fn resolve(
        &self,
        argument: Option<String>,
        env: &Environment,
        warnings: &mut Warnings,
    ) -> T {
        let (source, text) = match argument {
            Some(text) => (self.name, text),
            None => match env.first(self.variables) {
                Some((variable, text)) => (variable, text.to_owned()),
                None => return (self.default)(),
            },
        };
        (self.parse)(&text).unwrap_or_else(|| {
            let default = (self.default)();
            // A value in the wrong place may be a secret.
            let text = redact_keys(&text);
            warnings.push(format!(
                "{source}={text:?} is not {}; using {default:?} instead",
                self.expects
            ));
            default
        })
    }
}

/// The environment, read once. Its values may be secrets, so `Debug` shows none.
#[derive(Clone)]
pub(super) struct Environment(HashMap<String, String>);

impl Environment {
    pub(super) fn new<K: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// The environment of the process. The only place that reads it; entries that are not UTF-8
    /// are none of ours.
    pub(super) fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self(variables)
    }

    /// The value of `variable`; an empty one counts as absent.
    pub(super) fn get(&self, variable: &str) -> Option<&str> {
        self.0
            .get(variable)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The first of `variables` that has a value.
    pub(super) fn first(&self, variables: &[&'static str]) -> Option<(&'static str, &str)> {
        variables
            .iter()
            .find_map(|name| self.get(name).map(|value| (*name, value)))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

/// What could not be used, in the order found.
#[derive(Debug, Default)]
pub(super) struct Warnings(Vec<String>);

impl Warnings {
    pub(super) fn push(&mut self, message: String) {
        self.0.push(message);
    }

    pub(super) fn into_messages(self) -> Vec<String> {
        self.0
    }
}

/// A switch. Accepts what people write into `.env` files.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}
