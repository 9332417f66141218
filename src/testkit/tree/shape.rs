//! Parents, children and branches.

use std::collections::HashSet;

use crate::testkit::langfuse::Observation;

/// An observation's place on the page.
pub(super) struct Place<'a> {
    pub(super) observation: &'a Observation,
    /// What its own line begins with.
    pub(super) branch: String,
    /// What the lines of its details begin with.
    pub(super) gutter: String,
}

/// Every observation in the order in which a tree shows them.
pub(super) fn places(observations: &[Observation]) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    let mut shown = HashSet::new();
    // Those in a circle are below no root, and come last.
    for top in roots(observations)
        .into_iter()
        .chain(sorted(observations.iter().collect()))
    {
        place(
            observations,
            top,
            String::new(),
            "",
            &mut shown,
            &mut places,
        );
    }
    places
}

/// Those whose parent is not among them, by start time, then by name.
pub(super) fn roots(observations: &[Observation]) -> Vec<&Observation> {
    let ids: HashSet<&str> = observations
        .iter()
        .map(|observation| observation.span_id.as_str())
        .collect();
    let is_root = |observation: &&Observation| match &observation.parent_span_id {
        Some(parent) => !ids.contains(parent.as_str()),
        None => true,
    };
    sorted(observations.iter().filter(is_root).collect())
}

/// Those directly below `parent`, by start time, then by name.
pub(super) fn children<'a>(
    observations: &'a [Observation],
    parent: &Observation,
) -> Vec<&'a Observation> {
    let below = |o: &&Observation| o.parent_span_id.as_deref() == Some(parent.span_id.as_str());
    sorted(observations.iter().filter(below).collect())
}

/// Places `observation` and all below it, unless it has its place.
fn place<'a>(
    observations: &'a [Observation],
    observation: &'a Observation,
    branch: String,
    indent: &str,
    shown: &mut HashSet<&'a str>,
    places: &mut Vec<Place<'a>>,
) {
    if !shown.insert(&observation.span_id) {
        return;
    }
    let mut below = children(observations, observation);
    below.retain(|child| !shown.contains(child.span_id.as_str()));
    let gutter = format!("{indent}{}", if below.is_empty() { "   " } else { "│  " });
    places.push(Place {
        observation,
        branch,
        gutter,
    });
    let last = below.len().saturating_sub(1);
    for (i, child) in below.into_iter().enumerate() {
        let (branch, rest) = if i == last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        place(
            observations,
            child,
            format!("{indent}{branch}"),
            &format!("{indent}{rest}"),
            shown,
            places,
        );
    }
}

fn sorted(mut observations: Vec<&Observation>) -> Vec<&Observation> {
    observations.sort_by(|a, b| (a.start, &a.name).cmp(&(b.start, &b.name)));
    observations
}
