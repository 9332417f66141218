//! JSON whose longest texts are cut, before the program's mask has seen them.

use serde_json::{Map, Value};

use crate::observation::{Captured, Mask};

/// A structure of texts. Where one was cut, a little of what followed waits beside it: a mask must
/// recognise what the cut halves, and it is the program's own code, which does not run while a call
/// is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Structure {
    value: Value,
    /// The texts that were cut, each with where it stands: names and places from the top.
    cuts: Vec<(Vec<Step>, Captured)>,
    /// Characters kept of all texts.
    kept: usize,
    /// Characters there were.
    total: usize,
}

/// A step down: the name of a member or the place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Place(usize),
}

impl From<Value> for Structure {
    /// Without any text that counts.
    fn from(value: Value) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }
}

impl From<Captured> for Structure {
    fn from(captured: Captured) -> Self {
        let (kept, total) = (captured.kept, captured.total);
        let value = captured.text.clone().into();
        let cut = captured.is_cut().then(|| (Vec::new(), captured));
        Self {
            value,
            cuts: cut.into_iter().collect(),
            kept,
            total,
        }
    }
}

impl Structure {
    pub(crate) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        let mut list = Self::default();
        let mut values = Vec::new();
        for (place, item) in items.into_iter().enumerate() {
            values.push(list.take_in(&Step::Place(place), item));
        }
        list.value = Value::Array(values);
        list
    }

    pub(crate) fn object(members: impl IntoIterator<Item = (String, Self)>) -> Self {
        let mut object = Self::default();
        let mut values = Map::new();
        for (name, member) in members {
            let value = object.take_in(&Step::Member(name.clone()), member);
            values.insert(name, value);
        }
        object.value = Value::Object(values);
        object
    }

    /// Counts characters of which nothing was kept.
    pub(crate) fn count_beyond(&mut self, chars: usize) {
        self.total = self.total.saturating_add(chars);
    }

    /// Characters there were.
    #[cfg(test)]
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// As JSON: the mask sees each cut text with what followed, and a cut text says how much is
    /// missing. The whole is then masked like any other text.
    pub(crate) fn shown(mut self, field: &str, mask: Option<&Mask>) -> Captured {
        for (path, captured) in std::mem::take(&mut self.cuts) {
            if let Some(text) = find(&mut self.value, &path) {
                *text = captured.shown(field, mask).into();
            }
        }
        Captured::cut(self.value.to_string(), self.kept, self.total)
    }

    fn take_in(&mut self, step: &Step, inner: Self) -> Value {
        self.kept = self.kept.saturating_add(inner.kept);
        self.total = self.total.saturating_add(inner.total);
        let below = inner.cuts.into_iter().map(|(mut path, captured)| {
            path.insert(0, step.clone());
            (path, captured)
        });
        self.cuts.extend(below);
        inner.value
    }
}

fn find<'v>(value: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.get_mut(name),
        Step::Place(place) => value.get_mut(place),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_recognises_what_the_cut_halves_and_the_rest_is_counted() {
        let secret = "the code is ORCHID-7";
        let structure = Structure::list([Structure::object([(
            "a/b~".to_owned(),
            Captured::of(&format!("{secret} and more"), 16).into(),
        )])]);
        let mask = Mask::new(|_, text| text.replace("ORCHID-7", "*"));
        assert_eq!(
            structure.clone().shown("input", Some(&mask)).text,
            r#"[{"a/b~":"the code is * an…[+13 chars]"}]"#
        );
        let unmasked = structure.shown("input", None);
        assert_eq!(
            unmasked.text,
            r#"[{"a/b~":"the code is ORCH…[+13 chars]"}]"#
        );
        assert_eq!((unmasked.kept, unmasked.total), (16, 29));
    }
}
