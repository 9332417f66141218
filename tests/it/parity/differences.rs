//! Every difference between what this crate sends and what the official SDKs send, and why.

use serde_json::Value as Json;

use super::capture::Found;

/// A difference, wherever it is found. A `*` at the end of a name stands for the rest of it.
#[derive(Debug)]
pub(super) struct Difference {
    sdks: &'static str,
    observation: &'static str,
    attribute: &'static str,
    how: How,
    #[expect(dead_code, reason = "for whoever reads it")]
    why: &'static str,
}

#[derive(Debug)]
pub(super) enum How {
    /// They send it, we do not.
    Missing,
    /// We send it, they do not.
    Extra,
    /// The same JSON, written otherwise.
    SameJson,
    /// Theirs is ours as a JSON string.
    Quoted,
    /// Ours is the text of their number or boolean.
    AsText,
    /// Two times, as JSON strings.
    Time,
    /// Ours is another one.
    Ours(&'static str),
}

use How::{AsText, Extra, Missing, Ours, Quoted, SameJson, Time};

pub(super) const fn row(
    sdks: &'static str,
    observation: &'static str,
    attribute: &'static str,
    how: How,
    why: &'static str,
) -> Difference {
    Difference {
        sdks,
        observation,
        attribute,
        how,
        why,
    }
}

/// Those of calls of models are in a list of their own.
pub(super) fn all() -> impl Iterator<Item = &'static Difference> {
    DIFFERENCES
        .iter()
        .chain(super::call_differences::DIFFERENCES)
}

const DIFFERENCES: &[Difference] = &[
    // The process and the library.
    row(
        "*",
        "RESOURCE",
        "telemetry.*",
        Ours("string:rust"),
        "another language",
    ),
    row(
        "*",
        "RESOURCE",
        "telemetry.sdk.version",
        Missing,
        "the version of this crate is told instead",
    ),
    row(
        "*",
        "RESOURCE",
        "telemetry.distro.*",
        Extra,
        "semantic conventions: which distribution of OpenTelemetry",
    ),
    row(
        "*",
        "RESOURCE",
        "service.name",
        Ours("string:unknown_service"),
        "no process name is known on every platform",
    ),
    row(
        "py*",
        "RESOURCE",
        "service.instance.id",
        Missing,
        "an id per start of a function says nothing",
    ),
    row(
        "js*",
        "RESOURCE",
        "langfuse.*",
        Extra,
        "as the Python SDK: environment and release also of foreign spans",
    ),
    row(
        "*",
        "SCOPE",
        "(name)",
        Ours("warmspan"),
        "of spans of `langfuse-sdk` the server drops every attribute that it does not know",
    ),
    row(
        "py*",
        "SCOPE",
        "public_key",
        Missing,
        "each SDK here has its own pipeline; nothing is routed by key",
    ),
    row(
        "py-3*",
        "*",
        "langfuse.release",
        Extra,
        "as all later SDKs: on every span",
    ),
    row(
        "py-3*",
        "*",
        "langfuse.internal.is_app_root",
        Extra,
        "as all later SDKs: what this application began",
    ),
    row(
        "js-4*",
        "*",
        "langfuse.internal.is_app_root",
        Extra,
        "as all later SDKs: what this application began",
    ),
    row(
        "py*",
        "remote [span]",
        "langfuse.internal.as_root",
        Missing,
        "the SDK's bug: joining a trace would overwrite its name, input and output",
    ),
    row(
        "js-4*",
        "raises [span]",
        "langfuse.observation.type",
        Extra,
        "the SDK's bug: none where the function throws",
    ),
    // JSON.
    row(
        "py*",
        "gen [generation]",
        "langfuse.observation.*",
        SameJson,
        "no space after separators, UTF-8 as it is",
    ),
    row(
        "js*",
        "gen [generation]",
        "langfuse.observation.*",
        SameJson,
        "`json!` sorts its keys; a struct would keep their order",
    ),
    row(
        "py*",
        "root [span]",
        "langfuse.observation.input",
        SameJson,
        "no space after separators",
    ),
    row(
        "py-3*",
        "root [span]",
        "langfuse.observation.metadata.nested",
        SameJson,
        "no space after separators",
    ),
    row(
        "py*",
        "root [span]",
        "langfuse.observation.output#/nan",
        Ours("null"),
        "what serde_json writes for a float without a JSON number, and JSON.stringify too",
    ),
    row(
        "py*",
        "root [span]",
        "langfuse.observation.output#/inf",
        Ours("null"),
        "as NaN; Python 3.12 loses the sign",
    ),
    row(
        "py*",
        "root [span]",
        "langfuse.observation.output#/bad",
        Ours("\"<2 bytes>\""),
        "the size says more",
    ),
    row(
        "py*",
        "root [span]",
        "langfuse.observation.output#/exc",
        Ours("\"boom\""),
        "an error's `Display` has no name of its type",
    ),
    // Metadata.
    row(
        "py-5*",
        "root [span]",
        "langfuse.observation.metadata.nan",
        Missing,
        "NaN is JSON's null, and null is no entry",
    ),
    row(
        "py-3*",
        "root [span]",
        "langfuse.observation.metadata.nan",
        Missing,
        "NaN is JSON's null, and null is no entry",
    ),
    row(
        "js*",
        "root [span]",
        "langfuse.observation.metadata.nan",
        Missing,
        "NaN is JSON's null, and null is no entry",
    ),
    row(
        "py-5*",
        "root [span]",
        "langfuse.observation.metadata.*",
        Quoted,
        "strings as they are: a server that does not know the SDK would keep the quotes",
    ),
    row(
        "py-5*",
        "*",
        "langfuse.trace.metadata.pk",
        Quoted,
        "strings as they are: a server that does not know the SDK would keep the quotes",
    ),
    row(
        "py-3*",
        "root [span]",
        "langfuse.observation.metadata.*",
        AsText,
        "as all later SDKs: always text, which the server parses; big integers stay exact",
    ),
    row(
        "py-3*",
        "root [span]",
        "langfuse.trace.metadata.tm",
        AsText,
        "as all later SDKs: always text",
    ),
    row(
        "js*",
        "root [span]",
        "langfuse.observation.metadata.date",
        Quoted,
        "a date is a string here; the SDK writes its JSON with quotes",
    ),
    row(
        "*",
        "o-*",
        "langfuse.observation.metadata",
        Missing,
        "the server drops metadata that is no object; here it is refused with a warning",
    ),
    // The trace.
    row(
        "*",
        "*",
        "langfuse.trace.public",
        Extra,
        "the server takes a trace for private again with every later span that does not say public",
    ),
    row(
        "*",
        "root [span]",
        "langfuse.trace.input",
        Missing,
        "the server shows the root's; deprecated in the SDKs, gone in py 5",
    ),
    row(
        "*",
        "root [span]",
        "langfuse.trace.output",
        Missing,
        "the server shows the root's; deprecated in the SDKs, gone in py 5",
    ),
    // Errors.
    row(
        "*",
        "raises [span]",
        "langfuse.observation.level",
        Extra,
        "said, not left to be derived from the span's status",
    ),
    row(
        "*",
        "raises [span]",
        "langfuse.observation.status_message",
        Extra,
        "said, not left to be derived",
    ),
    row(
        "py*",
        "raises [span]",
        "(message)",
        Ours("kaboom"),
        "an error's `Display` has no name of its type",
    ),
    row(
        "py*",
        "raises [span]",
        "(events)",
        Ours(""),
        "the server does not read exception events",
    ),
    row(
        "js*",
        "f [tool]",
        "langfuse.observation.output",
        Missing,
        "an error is level and status message, and no output",
    ),
    // Arguments of observed functions.
    row(
        "py*",
        "*",
        "langfuse.observation.input#/args/0",
        Missing,
        "arguments have names in Rust",
    ),
    row(
        "py*",
        "*",
        "langfuse.observation.input#/kwargs/b",
        Missing,
        "arguments have names in Rust",
    ),
    row(
        "py*",
        "*",
        "langfuse.observation.input#/*",
        Extra,
        "arguments have names in Rust",
    ),
    row(
        "js*",
        "f [tool]",
        "langfuse.observation.input#/*",
        Missing,
        "arguments have names in Rust",
    ),
    row(
        "js*",
        "f [tool]",
        "langfuse.observation.input#/*",
        Extra,
        "arguments have names in Rust",
    ),
    row(
        "js*",
        "f2 [span]",
        "langfuse.observation.input",
        Ours("string:{\"a\":1}"),
        "arguments have names in Rust",
    ),
    // Times.
    row(
        "js*",
        "gen [generation]",
        "langfuse.observation.completion_start_time",
        Ours("string:\"2026-11-22T08:00:00.123000Z\""),
        "microseconds, as Python's",
    ),
];

impl Difference {
    pub(super) fn is(&self, sdk: &str, found: &Found) -> bool {
        matches(self.sdks, sdk)
            && matches(self.observation, &found.observation)
            && matches(self.attribute, &found.attribute)
            && self.how.is(found.theirs.as_deref(), found.ours.as_deref())
    }
}

impl How {
    fn is(&self, theirs: Option<&str>, ours: Option<&str>) -> bool {
        let (Some(theirs), Some(ours)) = (theirs, ours) else {
            return match self {
                Missing => ours.is_none(),
                Extra => theirs.is_none(),
                _ => false,
            };
        };
        let json = |text: &str| {
            let text = text.strip_prefix("string:")?;
            serde_json::from_str::<Json>(text).ok()
        };
        let text = ours.strip_prefix("string:");
        match self {
            Missing | Extra => false,
            SameJson => json(theirs).is_some() && json(theirs) == json(ours),
            Quoted => json(theirs)
                .as_ref()
                .and_then(Json::as_str)
                .is_some_and(|it| Some(it) == text),
            AsText => {
                let number = theirs
                    .strip_prefix("int:")
                    .or_else(|| theirs.strip_prefix("bool:"));
                number.is_some() && number == text
            }
            Time => [theirs, ours]
                .iter()
                .all(|time| json(time).is_some_and(|time| time.as_str().is_some_and(is_time))),
            Ours(expected) => ours == *expected,
        }
    }
}

/// `2026-11-22T08:01:30.670581Z`, of any precision.
fn is_time(text: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 => byte == b'.',
        _ => byte.is_ascii_digit(),
    };
    text.strip_suffix('Z')
        .is_some_and(|text| text.len() > 20 && text.bytes().enumerate().all(is_right))
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}
