//! The arguments of a call as one JSON object.

use serde::Serialize;

use crate::observation::{Captured, value};

/// Collects arguments into a JSON object by name. Each keeps its beginning if it is long, and the
/// object stays valid JSON.
#[derive(Debug)]
pub struct Arguments {
    limit: usize,
    json: Captured,
}

impl Arguments {
    /// Keeps at most `limit` characters of each argument.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            json: Captured::default(),
        }
    }

    /// Adds an argument.
    pub fn add<T: Serialize>(&mut self, name: &'static str, argument: &T) {
        let json = &mut self.json;
        json.text.push(if json.text.is_empty() { '{' } else { ',' });
        json.text.push_str(&value::json(name));
        json.text.push(':');
        let argument = value::capture_json(argument, self.limit);
        json.text.push_str(&argument.text);
        json.kept += argument.kept;
        json.total += argument.total;
    }

    /// The object; `None` where there are no arguments.
    pub(super) fn finish(mut self) -> Option<Captured> {
        if self.json.text.is_empty() {
            return None;
        }
        self.json.text.push('}');
        Some(self.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_an_object_in_their_order() {
        let mut arguments = Arguments::new(100);
        arguments.add("question", &"why \"so\"?");
        arguments.add("count", &3);
        arguments.add("nothing", &());
        let captured = arguments.finish().expect("three");
        assert_eq!(
            captured.text,
            r#"{"question":"why \"so\"?","count":3,"nothing":null}"#
        );
        assert!(!captured.is_cut());
    }

    #[test]
    fn a_long_argument_is_cut_by_itself_and_the_object_stays_json() {
        let mut arguments = Arguments::new(4);
        arguments.add("text", &"0123456789");
        arguments.add("list", &[1, 2, 3]);
        arguments.add("ok", &true);
        let captured = arguments.finish().expect("three");
        assert_eq!(
            captured.text,
            r#"{"text":"0123…[+6 chars]","list":[1,"…[+3 chars]"],"ok":true}"#
        );
        assert_eq!((captured.kept, captured.total), (12, 21));
    }

    #[test]
    fn without_arguments_there_is_no_input() {
        assert_eq!(Arguments::new(100).finish(), None);
    }
}
