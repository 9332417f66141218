//! The tree for tests.

use std::fmt::Write as _;

use super::shape;
use crate::testkit::langfuse::Observation;

/// `name [type] LEVEL "status message" key=value`, a line each, nothing that changes between runs.
pub(super) fn outline(observations: &[Observation], attributes: &[&str]) -> String {
    let mut outline = String::new();
    for place in shape::places(observations) {
        let observation = place.observation;
        // Writing to a string cannot fail, here and below.
        write!(
            outline,
            "{}{} [{}]",
            place.branch, observation.name, observation.as_type
        )
        .ok();
        if observation.level != "DEFAULT" {
            write!(outline, " {}", observation.level).ok();
        }
        if let Some(message) = &observation.status_message {
            write!(outline, " {message:?}").ok();
        }
        for key in attributes {
            if let Some(value) = observation.attributes.get(*key) {
                write!(outline, " {key}={value}").ok();
            }
        }
        outline.push('\n');
    }
    outline
}
