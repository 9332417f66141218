//! What came out of a stream.

use std::fmt;

use serde::Serialize;

use crate::{
    Content,
    observation::{Captured, TextCapture, value},
};

/// Collects the items of a stream into an output, up to the limit of the content policy.
#[derive(Debug)]
pub struct Chunks {
    content: Content,
    collected: Collected,
    failure: Option<String>,
}

#[derive(Debug)]
enum Collected {
    Nothing,
    Text(TextCapture),
    List(List),
    Count(&'static str, usize),
}

/// A JSON list without its end.
#[derive(Debug, Default)]
struct List {
    json: String,
    kept: usize,
    total: usize,
    left_out: usize,
}

impl Chunks {
    pub(super) fn new(content: Content) -> Self {
        Self {
            content,
            collected: Collected::Nothing,
            failure: None,
        }
    }

    /// A piece of a text.
    pub fn text(&mut self, piece: &str) {
        if let Collected::Nothing = self.collected {
            self.collected = Collected::Text(TextCapture::new(self.content.max_chars()));
        }
        if let Collected::Text(text) = &mut self.collected {
            text.push(piece);
        }
    }

    /// An item of a list.
    pub fn value<T: Serialize + ?Sized>(&mut self, item: &T) {
        if self.content == Content::Off {
            return;
        }
        if let Collected::Nothing = self.collected {
            self.collected = Collected::List(List::default());
        }
        if let Collected::List(list) = &mut self.collected {
            list.add(item, self.content.max_chars());
        }
    }

    /// An item of which nothing but its type is known.
    pub fn count(&mut self, type_name: &'static str) {
        match &mut self.collected {
            Collected::Count(_, items) => *items += 1,
            Collected::Nothing => self.collected = Collected::Count(type_name, 1),
            Collected::Text(_) | Collected::List(_) => {}
        }
    }

    /// An item that is an error. The first one tells how the stream went.
    pub fn failed(&mut self, message: impl fmt::Display) {
        self.failure.get_or_insert_with(|| message.to_string());
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The output: a text as it is, a list as JSON. `None` if there is nothing to record.
    pub(super) fn finish(&mut self) -> Option<Output> {
        let collected = std::mem::replace(&mut self.collected, Collected::Nothing);
        if self.content == Content::Off {
            return None;
        }
        match collected {
            Collected::Nothing => None,
            Collected::Text(text) => Some(Output::Text(text.finish())),
            Collected::List(list) => Some(Output::Json(list.finish())),
            Collected::Count(type_name, items) => {
                let text = format!("[{type_name}; {items}]");
                Some(Output::Text(Captured::of(&text, usize::MAX / 2)))
            }
        }
    }
}

/// What came out of a stream, as one text.
#[derive(Debug, PartialEq)]
pub(super) enum Output {
    Text(Captured),
    Json(Captured),
}

impl List {
    fn add<T: Serialize + ?Sized>(&mut self, item: &T, limit: usize) {
        let room = limit.saturating_sub(self.kept);
        if room == 0 {
            self.left_out += 1;
            return;
        }
        let item = value::capture_json(item, room);
        self.json.push(if self.json.is_empty() { '[' } else { ',' });
        self.json.push_str(&item.text);
        self.kept += item.kept;
        self.total += item.total;
    }

    fn finish(mut self) -> Captured {
        if self.left_out > 0 {
            let note = format!(",\"…[+{} items]\"", self.left_out);
            self.json.push_str(&note);
        }
        self.json.push(']');
        Captured::cut(self.json, self.kept, self.total)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn pieces_of_text_are_joined_and_cut() {
        let mut chunks = Chunks::new(Content::Preview);
        for _ in 0..300 {
            chunks.text("ab");
        }
        let Some(Output::Text(captured)) = chunks.finish() else {
            panic!("a text");
        };
        assert_eq!(captured.text, "ab".repeat(250));
        assert_eq!((captured.kept, captured.total), (500, 600));
    }

    #[test]
    fn values_become_a_list_that_stays_bounded_and_valid() {
        let mut chunks = Chunks::new(Content::Preview);
        for i in 0..10_000 {
            chunks.value(&json!({ "i": i }));
        }
        let Some(Output::Json(captured)) = chunks.finish() else {
            panic!("a list");
        };
        let list: Vec<Value> = serde_json::from_str(&captured.text).expect("JSON");
        assert_eq!(list.first(), Some(&json!({ "i": 0 })));
        let note = list.last().and_then(Value::as_str).expect("a note");
        assert!(note.ends_with(" items]"), "{note}");
        assert!(captured.text.len() < 1000, "{}", captured.text);
    }

    #[test]
    fn values_that_cannot_be_serialised_are_counted() {
        let mut chunks = Chunks::new(Content::Preview);
        chunks.count("app::Frame");
        chunks.count("app::Frame");
        let expected = Captured::of("[app::Frame; 2]", 100);
        assert_eq!(chunks.finish(), Some(Output::Text(expected)));
    }

    #[test]
    fn off_records_nothing_but_the_failure() {
        let mut chunks = Chunks::new(Content::Off);
        chunks.text("secret");
        chunks.value(&1);
        chunks.failed("first");
        chunks.failed("second");
        assert_eq!(chunks.failure(), Some("first"));
        assert_eq!(chunks.finish(), None);
    }
}
