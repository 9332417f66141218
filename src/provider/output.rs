//! What a response said, collected piece by piece in bounded memory.

use serde_json::{Value, json};

use super::{call::Recorded, fields::text, structure::Structure};
use crate::observation::{Captured, Content, TextCapture};

/// Choices, and tool calls of all of them, of which something is kept; further ones are counted as
/// cut.
const MAX_SLOTS: usize = 64;
/// Characters kept of a name, an id or a finish reason, and of whatever else is one word.
pub(super) const MAX_NAME: usize = 128;
/// Finish reasons kept of one choice.
const MAX_FINISHES: usize = 16;

/// The running state of a response: its choices, each with a text and tool calls.
#[derive(Debug)]
pub(crate) struct Output {
    content: Content,
    choices: Vec<Choice>,
    /// Characters that may still be kept over all choices.
    budget: usize,
    /// Characters of choices beyond the slots.
    beyond: usize,
    /// Whatever finish reasons were seen, more may follow.
    goes_on: bool,
    /// A summary that stands for an output without text, such as embeddings.
    summary: Option<Value>,
}

#[derive(Debug)]
struct Choice {
    text: TextCapture,
    tools: Vec<ToolCall>,
    /// Why it ended; several if it went on after an end.
    finish_reasons: Vec<String>,
}

#[derive(Debug)]
struct ToolCall {
    /// The provider's number for the call, or its place in the response.
    index: u64,
    id: Option<String>,
    name: TextCapture,
    arguments: TextCapture,
}

impl Output {
    pub(crate) fn new(content: Content) -> Self {
        // Room for the previews of a few choices with several tool calls each.
        let budget = content
            .max_chars()
            .saturating_mul(8)
            .min(Content::MAX_CHARS);
        Self {
            content,
            choices: Vec::new(),
            budget,
            beyond: 0,
            goes_on: false,
            summary: None,
        }
    }

    /// Adds text to a choice.
    pub(crate) fn text(&mut self, choice: u64, piece: &str) {
        let mut budget = self.budget;
        match self.choice(choice) {
            Some(choice) => push(&mut choice.text, &mut budget, piece),
            None => self.beyond += piece.chars().count(),
        }
        self.budget = budget;
    }

    /// Counts text of a choice without keeping any.
    pub(crate) fn skip(&mut self, choice: u64, chars: usize) {
        match self.choice(choice) {
            Some(choice) => choice.text.skip(chars),
            None => self.beyond += chars,
        }
    }

    /// Adds to the tool call with the number `index`, which may be new.
    pub(crate) fn tool_call(
        &mut self,
        choice: u64,
        index: u64,
        id: Option<&str>,
        name: &str,
        arguments: &str,
    ) {
        let limit = self.content.max_system_chars();
        let mut budget = self.budget;
        let all: usize = self.choices.iter().map(|choice| choice.tools.len()).sum();
        let Some(choice) = self.choice(choice) else {
            self.beyond += arguments.chars().count();
            return;
        };
        let known = choice.tools.iter().position(|tool| tool.index == index);
        let at = known.unwrap_or(choice.tools.len());
        if known.is_none() && all < MAX_SLOTS {
            choice.tools.push(ToolCall {
                index,
                id: None,
                name: TextCapture::new(MAX_NAME),
                arguments: TextCapture::new(limit),
            });
        }
        match choice.tools.get_mut(at) {
            Some(tool) => {
                if let Some(id) = id.filter(|_| tool.id.is_none()) {
                    tool.id = Some(Captured::of(id, MAX_NAME).text);
                }
                tool.name.push(name);
                push(&mut tool.arguments, &mut budget, arguments);
            }
            None => self.beyond += arguments.chars().count(),
        }
        self.budget = budget;
    }

    /// The number of the tool call with this id; a new one if there is none.
    pub(crate) fn tool_number(&mut self, choice: u64, id: &str) -> u64 {
        let known = self.choice(choice).and_then(|choice| {
            let mut tools = choice.tools.iter();
            tools.find(|tool| tool.id.as_deref() == Some(id))
        });
        match known {
            Some(tool) => tool.index,
            None => self.next_tool_number(choice),
        }
    }

    /// A number that no tool call of this choice has.
    pub(crate) fn next_tool_number(&mut self, choice: u64) -> u64 {
        let tools = self.choice(choice).map(|choice| choice.tools.iter());
        let last = tools.and_then(|tools| tools.map(|tool| tool.index).max());
        last.map_or(0, |last| last.saturating_add(1))
    }

    /// Sets why a choice ended; an empty reason is none.
    pub(crate) fn finish_reason(&mut self, choice: u64, reason: &str) {
        if reason.is_empty() {
            return;
        }
        if let Some(choice) = self.choice(choice) {
            choice.finish_reasons = vec![Captured::of(reason, MAX_NAME).text];
        }
    }

    /// Adds why a choice ended, which may go on and end again.
    pub(crate) fn one_more_finish(&mut self, choice: u64, reason: &str) {
        if let Some(choice) = self.choice(choice)
            && choice.finish_reasons.len() < MAX_FINISHES
        {
            let reason = Captured::of(reason, MAX_NAME).text;
            choice.finish_reasons.push(reason);
        }
    }

    /// Whether this is the reason that a choice gave last.
    pub(crate) fn is_last_finish(&self, choice: u64, reason: &str) -> bool {
        let choice = usize::try_from(choice)
            .ok()
            .and_then(|at| self.choices.get(at));
        let last = choice.and_then(|choice| choice.finish_reasons.last());
        last.is_some_and(|last| last == reason)
    }

    /// Sets what stands for an output without text.
    pub(crate) fn summarise(&mut self, summary: Value) {
        self.summary = Some(summary);
    }

    /// Forgets everything, because the whole response is about to follow.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.content);
    }

    /// Whether a choice has called a tool.
    pub(crate) fn has_tool_calls(&self) -> bool {
        self.choices.iter().any(|choice| !choice.tools.is_empty())
    }

    /// Whether nothing more of this choice's text will be kept.
    pub(crate) fn is_full(&self, choice: u64) -> bool {
        self.budget == 0
            || usize::try_from(choice)
                .ok()
                .and_then(|at| self.choices.get(at))
                .is_some_and(|choice| choice.text.is_full())
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        let of_tool = |tool: &ToolCall| {
            let id = tool.id.as_ref().map_or(0, String::capacity);
            size_of::<ToolCall>() + id + tool.name.held() + tool.arguments.held()
        };
        let of_choice = |choice: &Choice| {
            let tools: usize = choice.tools.iter().map(of_tool).sum();
            size_of::<Choice>() + choice.text.held() + tools
        };
        self.choices.iter().map(of_choice).sum()
    }

    /// Whether each choice that began has ended.
    pub(crate) fn is_finished(&self) -> bool {
        !self.choices.is_empty()
            && self
                .choices
                .iter()
                .all(|choice| !choice.finish_reasons.is_empty())
    }

    /// Says whether more may follow although each choice has a finish reason.
    pub(crate) fn go_on(&mut self, goes_on: bool) {
        self.goes_on = goes_on;
    }

    /// Whether more may follow although each choice has a finish reason.
    pub(crate) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// The reasons why the choices ended.
    pub(crate) fn finish_reasons(&self) -> Vec<String> {
        self.choices
            .iter()
            .flat_map(|choice| choice.finish_reasons.clone())
            .collect()
    }

    /// The text of the only choice, or JSON if there are tool calls or several choices.
    pub(crate) fn finish(mut self) -> Option<Recorded> {
        if self.content == Content::Off {
            return None;
        }
        if let Some(summary) = self.summary {
            return Some(Recorded::Json(summary.into()));
        }
        if self.choices.len() <= 1 && !self.has_tool_calls() {
            let captured = self.choices.pop()?.text.finish();
            return (captured.total > 0).then_some(Recorded::Text(captured));
        }
        let mut choices: Vec<Structure> = self.choices.into_iter().map(Choice::finish).collect();
        let mut structure = match choices.len() {
            1 => choices.pop().unwrap_or_default(),
            _ => Structure::list(choices),
        };
        structure.count_beyond(self.beyond);
        Some(Recorded::Json(structure))
    }

    fn choice(&mut self, index: u64) -> Option<&mut Choice> {
        let at = usize::try_from(index).ok().filter(|&at| at < MAX_SLOTS)?;
        let limit = self.content.max_chars();
        while self.choices.len() <= at {
            let text = TextCapture::new(limit);
            self.choices.push(Choice {
                text,
                tools: Vec::new(),
                finish_reasons: Vec::new(),
            });
        }
        self.choices.get_mut(at)
    }
}

impl Choice {
    fn finish(self) -> Structure {
        let text = self.text.finish();
        if self.tools.is_empty() {
            return text.into();
        }
        let content = match text.total {
            0 => Value::Null.into(),
            _ => text.into(),
        };
        let tools = Structure::list(self.tools.into_iter().map(ToolCall::finish));
        object([
            ("role", Value::from("assistant").into()),
            ("content", content),
            ("tool_calls", tools),
        ])
    }
}

impl ToolCall {
    fn finish(self) -> Structure {
        let name = Value::from(self.name.finish().text);
        let function = object([
            ("name", name.into()),
            ("arguments", self.arguments.finish().into()),
        ]);
        object([
            ("id", json!(self.id).into()),
            ("type", Value::from("function").into()),
            ("function", function),
        ])
    }
}

fn object<const N: usize>(members: [(&str, Structure); N]) -> Structure {
    Structure::object(members.map(|(name, member)| (name.to_owned(), member)))
}

/// Adds a piece as long as the common budget lasts.
fn push(capture: &mut TextCapture, budget: &mut usize, piece: &str) {
    if *budget == 0 || capture.is_full() {
        capture.skip(piece.chars().count());
        return;
    }
    let end = piece
        .char_indices()
        .nth(*budget)
        .map_or(piece.len(), |(at, _)| at);
    let (fits, rest) = piece.split_at(end);
    capture.push(fits);
    capture.skip(rest.chars().count());
    *budget = budget.saturating_sub(fits.chars().count());
}

/// Adds the texts of a message's content: a string, or typed parts.
pub(crate) fn each_text(content: &Value, on_text: &mut impl FnMut(&str)) {
    match content {
        Value::String(piece) => on_text(piece),
        Value::Array(parts) => {
            for part in parts {
                match part {
                    Value::String(piece) => on_text(piece),
                    part => {
                        if let Some(piece) = text(part, "text").or_else(|| text(part, "refusal")) {
                            on_text(piece);
                        }
                    }
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(output: Output) -> Captured {
        match output.finish() {
            Some(Recorded::Json(structure)) => structure.shown("output", None),
            Some(Recorded::Text(text)) => text,
            None => Captured::default(),
        }
    }

    #[test]
    fn a_tool_call_in_pieces_becomes_valid_json() {
        let mut output = Output::new(Content::Preview);
        output.tool_call(0, 1, Some("call_1"), "weather", "");
        for _ in 0..100 {
            output.tool_call(0, 1, None, "", r#"{"a":"#);
        }
        let captured = finish(output);
        let value: Value = serde_json::from_str(&captured.text).unwrap_or_default();
        assert_eq!(
            value.pointer("/tool_calls/0/function/name"),
            Some(&"weather".into())
        );
        assert_eq!((captured.kept, captured.total), (200, 500));
    }

    #[test]
    fn tool_calls_without_numbers_are_told_apart_by_their_ids() {
        let mut output = Output::new(Content::Preview);
        let numbers = ["a", "b", "a"].map(|id| {
            let number = output.tool_number(0, id);
            output.tool_call(0, number, Some(id), "", "");
            number
        });
        assert_eq!(numbers, [0, 1, 0]);
    }

    #[test]
    fn state_stays_bounded_whatever_arrives() {
        let mut output = Output::new(Content::Full);
        let piece = "x".repeat(10_000);
        for at in 0..1_000 {
            output.text(at, &piece);
            output.tool_call(at % 3, at, Some(&piece), &piece, &piece);
        }
        let captured = finish(output);
        assert!(captured.text.len() < 2 * Content::MAX_CHARS);
        assert_eq!(captured.total, 20_000_000);
    }

    #[test]
    fn tool_calls_of_many_choices_share_one_bound() {
        let mut output = Output::new(Content::Preview);
        let piece = "x".repeat(1_000);
        for choice in 0..64 {
            for call in 0..64 {
                output.tool_call(choice, call, Some(&piece), &piece, &piece);
            }
        }
        assert!(output.held() < 64 * 1024, "{} bytes", output.held());
        assert_eq!(finish(output).total, 64 * 64 * 1_000);
    }
}
