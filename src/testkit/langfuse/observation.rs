//! A span as Langfuse reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use crate::testkit::Moment;

/// A span as Langfuse reads it: an observation, with everything the span carried.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Observation {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub span_id: String,
    /// 16 lower-case hex digits; `None` for a root.
    pub parent_span_id: Option<String>,
    /// The span's name.
    pub name: String,
    /// `span`, `generation`, `tool` ...: attribute `langfuse.observation.type`, else `span`.
    pub as_type: String,
    /// `DEBUG`, `DEFAULT`, `WARNING` or `ERROR`: the attribute if given, else from the span's status.
    pub level: String,
    /// The attribute if given, else the span's status message.
    pub status_message: Option<String>,
    /// Attribute `langfuse.observation.model.name`.
    pub model: Option<String>,
    /// Tokens per bucket, of `langfuse.observation.usage_details`.
    pub usage: BTreeMap<String, u64>,
    /// Attribute `langfuse.observation.input`.
    pub input: Option<String>,
    /// Attribute `langfuse.observation.output`.
    pub output: Option<String>,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// When the first token arrived: attribute `langfuse.observation.completion_start_time`.
    pub completion_start: Option<SystemTime>,
    /// All attributes of the span, those above included.
    pub attributes: BTreeMap<String, Value>,
    /// Attributes of the resource.
    pub resource: BTreeMap<String, Value>,
    /// Name of the instrumentation scope.
    pub scope_name: String,
    /// Version of the instrumentation scope.
    pub scope_version: String,
    /// `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
    pub kind: &'static str,
    /// Links to other spans.
    pub links: Vec<Link>,
    /// Events on the span.
    pub events: Vec<Event>,
    /// W3C trace flags and the OTLP remote bits.
    pub flags: u32,
    /// When the request that carried it had arrived.
    pub received_at: Moment,
}

impl Observation {
    /// From start to end; zero where the end is before the start.
    pub fn duration(&self) -> Duration {
        self.end.duration_since(self.start).unwrap_or_default()
    }

    /// From start to the first token.
    pub fn time_to_first_token(&self) -> Option<Duration> {
        self.completion_start?.duration_since(self.start).ok()
    }

    /// An attribute's text; `None` where it is absent or not text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.attributes.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An attribute's integer; `None` where it is absent or not an integer.
    pub fn int(&self, key: &str) -> Option<i64> {
        match self.attributes.get(key)? {
            Value::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// An attribute's boolean; `None` where it is absent or not a boolean.
    pub fn bool(&self, key: &str) -> Option<bool> {
        match self.attributes.get(key)? {
            Value::Bool(bool) => Some(*bool),
            _ => None,
        }
    }
}

/// A link from a span to another one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub span_id: String,
    /// The link's attributes.
    pub attributes: BTreeMap<String, Value>,
}

/// Something that happened at one moment of a span.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The event's name.
    pub name: String,
    /// When it happened.
    pub time: SystemTime,
    /// The event's attributes.
    pub attributes: BTreeMap<String, Value>,
}

/// An attribute's value with its OTLP type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A value without a type.
    Empty,
    /// A string.
    Text(String),
    /// A boolean.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    Array(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
}

/// Text as it is, everything else about as JSON writes it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("null"),
            Self::Text(text) => f.write_str(text),
            Self::Bool(bool) => bool.fmt(f),
            Self::Int(int) => int.fmt(f),
            Self::Double(double) => double.fmt(f),
            Self::Bytes(bytes) => write!(f, "<{} bytes>", bytes.len()),
            Self::Array(values) => {
                f.write_str("[")?;
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Map(values) => {
                f.write_str("{")?;
                for (i, (key, value)) in values.iter().enumerate() {
                    write!(f, "{}{key}:{value}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("}")
            }
        }
    }
}
