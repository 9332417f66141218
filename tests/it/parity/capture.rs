//! What was sent: observations, their attributes, and how two captures differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use warmspan::testkit::langfuse::{Observation, Value};

/// The attributes of each observation, by its name and type, with the type of each value. What is no
/// attribute stands in parentheses: the parent, the kind, the names of events, and level and message
/// as the server reads them. Resource and scope are observations of these names.
#[derive(Debug, Default)]
pub(super) struct Capture(BTreeMap<String, Attributes>);

type Attributes = BTreeMap<String, String>;

/// A place where two captures differ. JSON is compared by its leaves, whose paths follow a `#`.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) observation: String,
    pub(super) attribute: String,
    pub(super) theirs: Option<String>,
    pub(super) ours: Option<String>,
}

impl Capture {
    pub(super) fn set(&mut self, observation: &str, attribute: &str, value: impl Into<String>) {
        let attributes = self.0.entry(observation.to_owned()).or_default();
        attributes.insert(attribute.to_owned(), value.into());
    }

    pub(super) fn get(&self, observation: &str) -> Option<&Attributes> {
        self.0.get(observation)
    }

    /// These observations, without resource and scope.
    pub(super) fn only(mut self, names: &[&str]) -> Self {
        self.0.retain(|name, _| names.contains(&name.as_str()));
        self
    }

    pub(super) fn observations(&self) -> impl Iterator<Item = (&str, &Attributes)> {
        self.0
            .iter()
            .map(|(name, attributes)| (name.as_str(), attributes))
    }

    pub(super) fn of(observations: &[Observation]) -> Self {
        Self::named(observations, |name, kind| Some(key(name, kind)))
    }

    /// Of the observed calls of models, in the order of their beginnings, under these names.
    pub(super) fn of_calls(observations: &[Observation], names: &[&str]) -> Self {
        let mut observations = observations.to_vec();
        observations.sort_by_key(|observation| observation.start);
        let mut names = names.iter();
        Self::named(&observations, |_, _| names.next().map(ToString::to_string))
    }

    fn named(
        observations: &[Observation],
        mut name: impl FnMut(&str, &str) -> Option<String>,
    ) -> Self {
        let mut capture = Self::default();
        let names: BTreeMap<_, _> = observations
            .iter()
            .map(|o| (o.span_id.as_str(), o.name.as_str()))
            .collect();
        for observation in observations {
            let Some(key) = name(&observation.name, &observation.as_type) else {
                continue;
            };
            for (attribute, value) in &observation.attributes {
                capture.set(&key, attribute, typed(value));
            }
            let parent = observation.parent_span_id.as_deref().unwrap_or("none");
            capture.set(&key, "(parent)", *names.get(parent).unwrap_or(&parent));
            capture.set(&key, "(kind)", observation.kind);
            capture.set(&key, "(level)", observation.level.as_str());
            capture.set(
                &key,
                "(message)",
                observation.status_message.as_deref().unwrap_or("none"),
            );
            let events: Vec<_> = observation
                .events
                .iter()
                .map(|event| event.name.as_str())
                .collect();
            capture.set(&key, "(events)", events.join(" "));
            for (attribute, value) in &observation.resource {
                capture.set("RESOURCE", attribute, typed(value));
            }
            capture.set("SCOPE", "(name)", observation.scope_name.as_str());
        }
        capture
    }

    /// Of a dump: a line for each resource, scope and span, followed by its attributes.
    pub(super) fn of_dump(dump: &str) -> Self {
        Self::named_dump(dump, |name, kind| (!is_call(name)).then(|| key(name, kind)))
    }

    /// Of the observed calls of models in a dump, in their order, under these names.
    pub(super) fn of_dumped_calls(dump: &str, names: &[&str]) -> Self {
        let mut names = names.iter();
        Self::named_dump(dump, |name, _| {
            is_call(name).then(|| names.next().map(ToString::to_string))?
        })
    }

    fn named_dump(dump: &str, mut name: impl FnMut(&str, &str) -> Option<String>) -> Self {
        let mut capture = Self::default();
        let names: BTreeMap<_, _> = dump
            .lines()
            .filter_map(span)
            .map(|s| (s.id, s.name))
            .collect();
        let mut lines = dump.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(resource) = line.strip_prefix("RESOURCE ") {
                for (attribute, value) in resource.split(" | ").filter_map(|a| a.split_once('=')) {
                    capture.set("RESOURCE", attribute, plain(value));
                }
            } else if let Some(scope) = line.trim().strip_prefix("SCOPE ") {
                let mut words = scope.split(' ');
                capture.set("SCOPE", "(name)", words.next().unwrap_or_default());
                for (attribute, value) in words.filter_map(|word| word.split_once('=')) {
                    capture.set("SCOPE", attribute, plain(value));
                }
            } else if let Some(span) = span(line) {
                let mut attributes = Vec::new();
                while let Some((attribute, value)) = lines.peek().and_then(|line| attribute(line)) {
                    attributes.push((attribute, plain(value)));
                    lines.next();
                }
                let of = |key: &str| {
                    let found = attributes.iter().find(|(attribute, _)| *attribute == key);
                    found.and_then(|(_, value)| value.strip_prefix("string:"))
                };
                let kind = of("langfuse.observation.type").unwrap_or("span");
                let Some(key) = name(span.name, kind) else {
                    continue;
                };
                for (attribute, value) in &attributes {
                    capture.set(&key, attribute, value.as_str());
                }
                let failed = span.status["code"] == 2;
                let level = if failed { "ERROR" } else { "DEFAULT" };
                let message = span.status["message"].as_str();
                capture.set(
                    &key,
                    "(parent)",
                    *names.get(span.parent).unwrap_or(&span.parent),
                );
                capture.set(&key, "(kind)", "internal");
                capture.set(
                    &key,
                    "(level)",
                    of("langfuse.observation.level").unwrap_or(level),
                );
                let own = of("langfuse.observation.status_message");
                capture.set(&key, "(message)", own.or(message).unwrap_or("none"));
                capture.set(&key, "(events)", span.events.join(" "));
            }
        }
        capture
    }
}

pub(super) fn compare(theirs: &Capture, ours: &Capture) -> Vec<Found> {
    let mut all = Vec::new();
    let empty = Attributes::new();
    for observation in union(&theirs.0, &ours.0) {
        let (theirs, ours) = (
            theirs.0.get(observation).unwrap_or(&empty),
            ours.0.get(observation).unwrap_or(&empty),
        );
        for attribute in union(theirs, ours) {
            let (theirs, ours) = (theirs.get(attribute), ours.get(attribute));
            if theirs == ours {
                continue;
            }
            for (path, theirs, ours) in leaves(theirs, ours) {
                all.push(Found {
                    observation: observation.to_owned(),
                    attribute: format!("{attribute}{path}"),
                    theirs,
                    ours,
                });
            }
        }
    }
    all
}

fn union<'a, T>(a: &'a BTreeMap<String, T>, b: &'a BTreeMap<String, T>) -> BTreeSet<&'a str> {
    a.keys().chain(b.keys()).map(String::as_str).collect()
}

type Leaf = (String, Option<String>, Option<String>);

/// Where two texts differ; inside of JSON, if both are objects or lists of another content.
fn leaves(theirs: Option<&String>, ours: Option<&String>) -> Vec<Leaf> {
    let container = |text: Option<&String>| {
        let json: Json = serde_json::from_str(text?.strip_prefix("string:")?).ok()?;
        (json.is_object() || json.is_array()).then_some(json)
    };
    let whole = (String::new(), theirs.cloned(), ours.cloned());
    let (Some(their), Some(our)) = (container(theirs), container(ours)) else {
        return vec![whole];
    };
    if their == our {
        return vec![whole];
    }
    let (mut a, mut b) = (BTreeMap::new(), BTreeMap::new());
    flatten("#", &their, &mut a);
    flatten("#", &our, &mut b);
    let paths = union(&a, &b)
        .into_iter()
        .filter(|path| a.get(*path) != b.get(*path));
    paths
        .map(|path| (path.to_owned(), a.get(path).cloned(), b.get(path).cloned()))
        .collect()
}

fn flatten(path: &str, json: &Json, into: &mut BTreeMap<String, String>) {
    match json {
        Json::Object(entries) => {
            entries
                .iter()
                .for_each(|(key, value)| flatten(&format!("{path}/{key}"), value, into));
        }
        Json::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                flatten(&format!("{path}/{at}"), value, into);
            }
        }
        leaf => _ = into.insert(path.to_owned(), leaf.to_string()),
    }
}

/// Whether a span is of an instrumented client.
fn is_call(name: &str) -> bool {
    name.to_lowercase().starts_with("openai") || name == "chat1"
}

fn key(name: &str, kind: &str) -> String {
    format!("{name} [{kind}]")
}

fn typed(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("string:{text}"),
        Value::Bool(bool) => format!("bool:{bool}"),
        Value::Int(int) => format!("int:{int}"),
        Value::Array(items) => items.iter().map(typed).collect::<Vec<_>>().join(", "),
        other => format!("other:{other}"),
    }
}

/// A value of a dump, without its quotes: `string:"..."`, `int:1`, `bool:true`, or a list of them.
fn plain(value: &str) -> String {
    if let Some(items) = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return items.split(", ").map(plain).collect::<Vec<_>>().join(", ");
    }
    let (kind, value) = value.split_once(':').expect("a type");
    match serde_json::from_str(value) {
        Ok(Json::String(text)) => format!("{kind}:{text}"),
        _ => format!("{kind}:{value}"),
    }
}

struct Span<'a> {
    name: &'a str,
    id: &'a str,
    parent: &'a str,
    status: Json,
    events: Vec<&'a str>,
}

fn span(line: &str) -> Option<Span<'_>> {
    let (name, rest) = line
        .trim()
        .strip_prefix("SPAN \"")?
        .split_once("\" kind 1 ")?;
    let (ids, rest) = rest.split_once(" status ")?;
    let (status, events) = rest.split_once(" events")?;
    let word = |name: &str| {
        let mut words = ids.split(' ').skip_while(|word| *word != name);
        words.nth(1)
    };
    Some(Span {
        name,
        id: word("span")?,
        parent: word("parent").map(|id| if id == "null" { "none" } else { id })?,
        status: serde_json::from_str(status).ok()?,
        events: events
            .split_whitespace()
            .filter_map(|event| event.split(':').next())
            .collect(),
    })
}

fn attribute(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("       ")?.split_once(" = ")
}
