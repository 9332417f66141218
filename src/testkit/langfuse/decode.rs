//! OTLP to observations.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span, status::StatusCode};

use super::observation::{Event, Link, Observation, Value};
use crate::testkit::Moment;

/// Every span of an export, in its order.
pub(super) fn observations(
    export: &ExportTraceServiceRequest,
    received_at: Moment,
) -> Vec<Observation> {
    let mut observations = Vec::new();
    for resource_spans in &export.resource_spans {
        let resource = resource_spans
            .resource
            .as_ref()
            .map(|r| attributes(&r.attributes))
            .unwrap_or_default();
        for scope_spans in &resource_spans.scope_spans {
            for span in &scope_spans.spans {
                observations.push(observation(span, scope_spans, &resource, received_at));
            }
        }
    }
    observations
}

fn observation(
    span: &Span,
    scope_spans: &ScopeSpans,
    resource: &BTreeMap<String, Value>,
    received_at: Moment,
) -> Observation {
    let attributes = attributes(&span.attributes);
    let text = |key: &str| match attributes.get(key) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let status = span.status.as_ref();
    let failed = status.is_some_and(|status| status.code == StatusCode::Error as i32);
    let status_message = status
        .map(|status| status.message.clone())
        .filter(|message| !message.is_empty());
    let scope = scope_spans.scope.as_ref();
    Observation {
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: Some(hex(&span.parent_span_id)).filter(|id| !id.is_empty()),
        name: span.name.clone(),
        as_type: text("langfuse.observation.type").unwrap_or_else(|| "span".to_owned()),
        level: text("langfuse.observation.level")
            .unwrap_or_else(|| if failed { "ERROR" } else { "DEFAULT" }.to_owned()),
        status_message: text("langfuse.observation.status_message").or(status_message),
        model: text("langfuse.observation.model.name"),
        usage: text("langfuse.observation.usage_details")
            .map(|json| usage(&json))
            .unwrap_or_default(),
        input: text("langfuse.observation.input"),
        output: text("langfuse.observation.output"),
        start: time(span.start_time_unix_nano),
        end: time(span.end_time_unix_nano),
        completion_start: text("langfuse.observation.completion_start_time")
            .and_then(|quoted| iso_time(&quoted)),
        resource: resource.clone(),
        scope_name: scope.map(|scope| scope.name.clone()).unwrap_or_default(),
        scope_version: scope.map(|scope| scope.version.clone()).unwrap_or_default(),
        kind: kind(span.kind),
        links: span.links.iter().map(link).collect(),
        events: span.events.iter().map(event).collect(),
        flags: span.flags,
        attributes,
        received_at,
    }
}

fn link(link: &opentelemetry_proto::tonic::trace::v1::span::Link) -> Link {
    Link {
        trace_id: hex(&link.trace_id),
        span_id: hex(&link.span_id),
        attributes: attributes(&link.attributes),
    }
}

fn event(event: &opentelemetry_proto::tonic::trace::v1::span::Event) -> Event {
    Event {
        name: event.name.clone(),
        time: time(event.time_unix_nano),
        attributes: attributes(&event.attributes),
    }
}

/// Of a key given twice the last value wins, as on the server.
fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, Value> {
    attributes
        .iter()
        .map(|pair| (pair.key.clone(), value(pair.value.as_ref())))
        .collect()
}

fn value(any: Option<&AnyValue>) -> Value {
    match any.and_then(|any| any.value.as_ref()) {
        Some(Any::StringValue(text)) => Value::Text(text.clone()),
        Some(Any::BoolValue(bool)) => Value::Bool(*bool),
        Some(Any::IntValue(int)) => Value::Int(*int),
        Some(Any::DoubleValue(double)) => Value::Double(*double),
        Some(Any::BytesValue(bytes)) => Value::Bytes(bytes.clone()),
        Some(Any::ArrayValue(array)) => {
            Value::Array(array.values.iter().map(|item| value(Some(item))).collect())
        }
        Some(Any::KvlistValue(list)) => Value::Map(attributes(&list.values)),
        _ => Value::Empty,
    }
}

/// Keeps what the server keeps: non-negative integers.
fn usage(json: &str) -> BTreeMap<String, u64> {
    let parsed: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(json).unwrap_or_default();
    parsed
        .into_iter()
        .filter_map(|(key, count)| Some((key, count.as_u64()?)))
        .collect()
}

fn kind(kind: i32) -> &'static str {
    match SpanKind::try_from(kind) {
        Ok(SpanKind::Internal) => "internal",
        Ok(SpanKind::Server) => "server",
        Ok(SpanKind::Client) => "client",
        Ok(SpanKind::Producer) => "producer",
        Ok(SpanKind::Consumer) => "consumer",
        _ => "unspecified",
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        write!(hex, "{byte:02x}").ok();
        hex
    })
}

fn time(unix_nanos: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}

/// `2026-11-22T08:00:00.123Z`, bare or in quotes, in UTC.
fn iso_time(text: &str) -> Option<SystemTime> {
    let text = text.trim_matches('"').strip_suffix('Z')?;
    let (date, clock) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut clock = clock.splitn(3, ':');
    let hours: u64 = clock.next()?.parse().ok()?;
    let minutes: u64 = clock.next()?.parse().ok()?;
    let seconds = Duration::try_from_secs_f64(clock.next()?.parse().ok()?).ok()?;
    let days = u64::try_from(days_since_epoch(year, month, day)).ok()?;
    Some(
        SystemTime::UNIX_EPOCH
            + Duration::from_secs(days * 86_400 + hours * 3_600 + minutes * 60)
            + seconds,
    )
}

/// Days from 1970-01-01 in the Gregorian calendar. Years are counted from March, so that the leap day
/// is a year's last; 719,468 days lie between 0000-03-01 and 1970-01-01.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_times_are_read_in_quotes_or_bare() {
        let expected = Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_334_400_250));
        assert_eq!(iso_time("\"2026-11-22T08:00:00.250Z\""), expected);
        assert_eq!(iso_time("2026-11-22T08:00:00.250Z"), expected);
        assert_eq!(
            iso_time("2000-02-29T00:00:00Z"),
            Some(time(951_782_400_000_000_000))
        );
        assert_eq!(iso_time("yesterday"), None);
    }
}
