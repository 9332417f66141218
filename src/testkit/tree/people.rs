//! The tree for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::shape::{self, Place};
use crate::testkit::langfuse::Observation;

/// How wide a line of text may be, in characters, its note included where there is room.
const WIDTH: usize = 100;

/// So much of a text is always shown, in characters.
const SHORTEST_TEXT: usize = 40;

/// A line per observation, and below it a line per text.
pub(super) fn tree(observations: &[Observation]) -> String {
    let mut tree = String::new();
    for place in shape::places(observations) {
        let Place {
            observation,
            branch,
            gutter,
        } = place;
        // Writing to a string cannot fail, here and below.
        writeln!(tree, "{branch}{}", headline(observation)).ok();
        if let Some(message) = &observation.status_message {
            writeln!(
                tree,
                "{gutter}{}",
                text_line("status: ", message, None, &gutter)
            )
            .ok();
        }
        for (label, name, text) in [
            ("input:  ", "input", &observation.input),
            ("output: ", "output", &observation.output),
        ] {
            if let Some(text) = text {
                writeln!(
                    tree,
                    "{gutter}{}",
                    text_line(label, text, cut_note(observation, name), &gutter)
                )
                .ok();
            }
        }
    }
    tree
}

/// `name  type  cold start  model  23 → 118 tokens  640 ms (first token 210 ms)  ERROR`.
fn headline(observation: &Observation) -> String {
    let mut parts = vec![one_line(&observation.name), observation.as_type.clone()];
    match observation.bool("faas.coldstart") {
        Some(true) => parts.push("cold start".to_owned()),
        Some(false) => parts.push("warm".to_owned()),
        None => {}
    }
    parts.extend(observation.model.as_deref().map(one_line));
    parts.extend(tokens(observation));
    let mut times = duration(observation.duration());
    if let Some(first_token) = observation.time_to_first_token() {
        write!(times, " (first token {})", duration(first_token)).ok();
    }
    parts.push(times);
    if observation.level != "DEFAULT" {
        parts.push(observation.level.clone());
    }
    parts.join("  ")
}

/// Tokens in and out, each the sum of its buckets.
fn tokens(observation: &Observation) -> Option<String> {
    if observation.usage.is_empty() {
        return None;
    }
    let sum = |side: &str| -> u64 {
        let counts = observation
            .usage
            .iter()
            .filter(|(bucket, _)| *bucket != "total" && bucket.contains(side));
        counts.map(|(_, count)| count).sum()
    };
    let (input, output) = (sum("input"), sum("output"));
    Some(match (input, output) {
        (0, 0) => format!(
            "{} tokens",
            thousands(observation.usage.values().copied().max()?)
        ),
        (input, 0) => format!("{} tokens", thousands(input)),
        (input, output) => format!("{} → {} tokens", thousands(input), thousands(output)),
    })
}

/// What a text lost on the way, if anything.
fn cut_note(observation: &Observation, text: &str) -> Option<String> {
    let count = |what| u64::try_from(observation.int(&format!("warmspan.{text}.{what}"))?).ok();
    let (kept, chars) = (count("kept")?, count("chars")?);
    (kept < chars).then(|| {
        format!(
            "({} of {} chars; WARMSPAN_CONTENT=full keeps all)",
            thousands(kept),
            thousands(chars)
        )
    })
}

/// The beginning of a text on one line, and what is known of the rest.
fn text_line(label: &str, text: &str, note: Option<String>, gutter: &str) -> String {
    let text = one_line(text);
    let note_width = note.as_ref().map_or(0, |note| note.chars().count() + 1);
    let taken = gutter.chars().count() + label.len() + note_width;
    let room = WIDTH.saturating_sub(taken).max(SHORTEST_TEXT);
    let mut line = format!("{label}{}", text.chars().take(room).collect::<String>());
    if text.chars().count() > room {
        line.push('…');
    }
    if let Some(note) = note {
        write!(line, " {note}").ok();
    }
    line
}

/// White space becomes a space each, so that a text cannot leave its line, or drive the terminal.
fn one_line(text: &str) -> String {
    let visible: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0..10_000 => format!("{:.1} ms", duration.as_secs_f64() * 1e3),
        10_000..10_000_000 => format!(
            "{} ms",
            thousands(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
        ),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

/// `8213` as `8,213`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(thousands),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn durations_have_a_unit_that_fits() {
        let shown = [40, 12_400, 1_812_000, 61_500_000]
            .map(|micros| duration(Duration::from_micros(micros)));
        assert_eq!(shown, ["0.0 ms", "12 ms", "1,812 ms", "61.5 s"]);
    }

    #[test]
    fn a_text_stays_on_its_line() {
        let line = text_line("input:  ", &"a\nb\u{1b}[31m ".repeat(50), None, "│  ");
        assert_eq!(line.chars().count(), WIDTH - 3 + 1);
        assert!(!line.contains(['\n', '\u{1b}']));
    }
}
