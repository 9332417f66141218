//! A project of its own for each test of `#[observe]`.

use std::time::Duration;

use warmspan::{
    Config, Observation, Sdk,
    testkit::{
        langfuse::{self, Langfuse},
        tree::Trace,
    },
};

/// What `outline` shows besides names, types, levels and status messages.
const SHOWN: &[&str] = &["langfuse.observation.input", "langfuse.observation.output"];

/// An SDK and the Langfuse that it sends to.
pub(crate) struct Project {
    langfuse: Langfuse,
    sdk: Sdk,
}

impl Project {
    pub(crate) async fn new() -> Self {
        Self::with(|config| config).await
    }

    pub(crate) async fn with(configure: impl FnOnce(Config) -> Config) -> Self {
        let langfuse = Langfuse::start().await.unwrap();
        let config = Config::new()
            .environment_variables([("", ""); 0])
            .public_key(langfuse.public_key())
            .secret_key(langfuse.secret_key())
            .base_url(langfuse.base_url());
        let sdk = Sdk::new(configure(config));
        Self { langfuse, sdk }
    }

    /// An observation; what is observed inside of it belongs to this project.
    pub(crate) fn root(&self) -> Observation {
        self.sdk.span("root")
    }

    pub(crate) fn sdk(&self) -> &Sdk {
        &self.sdk
    }

    pub(crate) async fn traces(&self) -> Vec<Trace> {
        let report = self.sdk.force_flush(Duration::from_secs(10)).await;
        assert_eq!(report.lost(), 0, "{report:?}");
        self.langfuse.traces()
    }

    /// Everything that was recorded, as text.
    pub(crate) async fn outline(&self) -> String {
        let traces = self.traces().await;
        traces
            .iter()
            .map(|trace| trace.outline_with(SHOWN))
            .collect()
    }

    /// The first observation of this name.
    pub(crate) async fn find(&self, name: &str) -> langfuse::Observation {
        let traces = self.traces().await;
        let found = traces.iter().find_map(|trace| trace.find(name));
        found.expect(name).clone()
    }
}

/// What `body` makes inside of the project, as text, without the line of the root.
pub(crate) async fn observed(body: impl FnOnce()) -> String {
    let project = Project::new().await;
    project.root().in_scope(body);
    without_root(&project.outline().await)
}

/// Like [`observed`], for a future.
pub(crate) async fn observed_async(body: impl Future<Output = ()>) -> String {
    use warmspan::ObserveFuture as _;

    let project = Project::new().await;
    body.observed(project.root()).await;
    without_root(&project.outline().await)
}

fn without_root(outline: &str) -> String {
    let lines = outline.lines().skip(1).map(|line| {
        let mut rest = line.chars();
        rest.by_ref().take(3).for_each(drop);
        format!("{}\n", rest.as_str())
    });
    // The key says what it is; shorter lines are easier to read.
    lines
        .collect::<String>()
        .replace("langfuse.observation.", "")
}
