//! A JSON object read one level deep: its values stay text until someone asks for them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

/// The members of a JSON object, in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    members: Vec<(String, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// Reads an object. None if `json` is not one.
    pub(crate) fn parse(json: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The text of a member that is there and not `null`.
    pub(crate) fn raw(&self, key: &str) -> Option<&'a RawValue> {
        let raw = self.members.iter().rev().find(|(name, _)| name == key)?.1;
        (raw.get() != "null").then_some(raw)
    }

    /// A member, parsed; `null` if it is missing.
    pub(crate) fn value(&self, key: &str) -> Value {
        self.raw(key)
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default()
    }

    /// A member that is a string with something in it.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let text: String = serde_json::from_str(self.raw(key)?.get()).ok()?;
        (!text.is_empty()).then_some(text)
    }

    /// The elements of a member that is an array, each still text.
    pub(crate) fn items(&self, key: &str) -> Vec<&'a RawValue> {
        self.raw(key)
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(name, raw)| (name.as_str(), *raw))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Fields { members })
    }
}

/// A count that a provider wrote as an integer or, now and then, as a float.
pub(crate) fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let float = value.as_f64()?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates
        (float >= 0.0).then_some(float as u64)
    })
}

/// The member of an object that is a string with something in it.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_the_last_of_a_name_counts() {
        let fields = Fields::parse(br#"{"b":1,"a":"x","b":[2,3],"n":null}"#).unwrap_or_default();
        let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "a", "b", "n"]);
        assert_eq!(fields.items("b").len(), 2);
        assert_eq!(fields.text("a").as_deref(), Some("x"));
        assert!(fields.raw("n").is_none());
    }
}
