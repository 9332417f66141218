//! The model and the collector: real ones where there are keys, in-process ones otherwise.

use std::{collections::HashMap, fmt, io};

use warmspan::{
    Config, Sdk,
    testkit::{langfuse::Langfuse, openai::OpenAi},
};

/// Variables of the user's own that the function needs.
const OPENAI: [&str; 5] = [
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
];
const LANGFUSE: [&str; 5] = [
    "LANGFUSE_PUBLIC_KEY",
    "LANGFUSE_SECRET_KEY",
    "LANGFUSE_BASE_URL",
    "LANGFUSE_HOST",
    "LANGFUSE_TRACING_ENVIRONMENT",
];
const ALWAYS: [&str; 4] = [
    "WARMSPAN_CONTENT",
    "WARMSPAN_FLUSH",
    "LANGFUSE_TIMEOUT",
    "SSL_CERT_FILE",
];

/// What surrounds the function.
pub(crate) struct Surroundings {
    variables: HashMap<String, String>,
    openai: Option<OpenAi>,
    langfuse: Option<Langfuse>,
}

impl Surroundings {
    /// Starts what the environment does not name.
    pub(crate) async fn start() -> io::Result<Self> {
        let mut variables = ambient(&ALWAYS);
        // The function tells of each flush, which the report reads.
        variables.insert("LANGFUSE_DEBUG".to_owned(), "true".to_owned());

        let mut openai = None;
        if is_set("OPENAI_API_KEY") {
            variables.extend(ambient(&OPENAI));
        } else {
            let server = OpenAi::start().await?;
            server.pace(std::time::Duration::from_millis(15));
            variables.insert("OPENAI_BASE_URL".to_owned(), server.base_url());
            variables.insert("OPENAI_API_KEY".to_owned(), "built-in".to_owned());
            openai = Some(server);
        }

        let mut langfuse = None;
        if is_set("LANGFUSE_PUBLIC_KEY") && is_set("LANGFUSE_SECRET_KEY") {
            variables.extend(ambient(&LANGFUSE));
        } else {
            let server = Langfuse::start().await?;
            variables.insert("LANGFUSE_BASE_URL".to_owned(), server.base_url());
            variables.insert(
                "LANGFUSE_PUBLIC_KEY".to_owned(),
                server.public_key().to_owned(),
            );
            variables.insert(
                "LANGFUSE_SECRET_KEY".to_owned(),
                server.secret_key().to_owned(),
            );
            langfuse = Some(server);
        }
        Ok(Self {
            variables,
            openai,
            langfuse,
        })
    }

    /// The environment of the function.
    pub(crate) fn variables(&self) -> &HashMap<String, String> {
        &self.variables
    }

    /// The in-process Langfuse, if the traces go there.
    pub(crate) fn collector(&self) -> Option<&Langfuse> {
        self.langfuse.as_ref()
    }

    /// An SDK that talks to the Langfuse of the user.
    pub(crate) fn sdk(&self) -> Sdk {
        Sdk::new(Config::new().environment_variables(self.variables.clone()))
    }

    /// Takes the in-process Langfuse away.
    pub(crate) async fn kill_collector(&self) {
        match &self.langfuse {
            Some(langfuse) => langfuse.stop().await,
            None => println!(
                "     the collector is yours and is left alone: unset LANGFUSE_PUBLIC_KEY to see this"
            ),
        }
    }
}

impl fmt::Display for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.openai {
            Some(_) => write!(f, "model: built-in (set OPENAI_API_KEY for a real one)")?,
            None => write!(f, "model: yours, by OPENAI_API_KEY")?,
        }
        match &self.langfuse {
            Some(_) => write!(
                f,
                "; traces: here (set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY to send them away)"
            ),
            None => write!(f, "; traces: your Langfuse"),
        }
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn ambient(names: &[&str]) -> HashMap<String, String> {
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect()
}
