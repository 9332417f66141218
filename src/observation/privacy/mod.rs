//! What is taken out of texts before they leave.
//!
//! In this order: media become their type and size, keys and tokens go, personal data goes (from
//! what was captured automatically; from explicit values when asked for), the user's mask sees the
//! rest, and only then is the text cut. A mask that fails hides everything.

mod keys;
mod mask;
mod media;
mod personal;

use std::borrow::Cow;

use opentelemetry::StringValue;

pub(crate) use keys::redact_keys;
pub(crate) use mask::Mask;

/// What stands in place of what was taken out.
const REDACTED: &str = "[redacted]";

/// How much is taken out of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Redaction {
    /// Media, keys and personal data: for what the library captures by itself.
    #[default]
    Automatic,
    /// Media and keys: for what the program says.
    Explicit,
}

/// Takes out of `text` what must not leave; it is the same string when there is nothing.
pub(crate) fn redact(text: String, redaction: Redaction) -> String {
    redacted(Cow::Owned(text), redaction).into_owned()
}

fn redacted(text: Cow<'_, str>, redaction: Redaction) -> Cow<'_, str> {
    let stripped = and_then(text, media::strip);
    let redacted = and_then(stripped, keys::redact_keys);
    match redaction {
        Redaction::Explicit => redacted,
        Redaction::Automatic => and_then(redacted, personal::redact_personal),
    }
}

/// A whole text that the program gave, as it may leave.
pub(crate) fn shown(
    text: String,
    redaction: Redaction,
    field: &str,
    mask: Option<&Mask>,
) -> String {
    let redacted = redact(text, redaction);
    match mask {
        Some(mask) => mask.apply(field, &redacted),
        None => redacted,
    }
}

/// The same of an attribute's text, which is seldom changed and then costs nothing.
pub(crate) fn shown_value(
    text: StringValue,
    redaction: Redaction,
    field: &str,
    mask: Option<&Mask>,
) -> StringValue {
    let shown = match (redacted(Cow::Borrowed(text.as_str()), redaction), mask) {
        (redacted, Some(mask)) => mask.apply(field, &redacted),
        (Cow::Owned(redacted), None) => redacted,
        (Cow::Borrowed(_), None) => return text,
    };
    shown.into()
}

fn and_then<'a>(
    text: Cow<'a, str>,
    step: impl for<'b> Fn(&'b str) -> Cow<'b, str>,
) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => step(text),
        Cow::Owned(text) => match step(&text) {
            Cow::Borrowed(_) => Cow::Owned(text),
            Cow::Owned(changed) => Cow::Owned(changed),
        },
    }
}

/// Replaces the byte ranges that `find` gives, asked again and again from where the last ended.
fn replace(
    text: &str,
    mut find: impl FnMut(usize) -> Option<(usize, usize, Cow<'static, str>)>,
) -> Cow<'_, str> {
    let mut out = String::new();
    let mut kept_until = 0;
    while let Some((start, end, replacement)) = find(kept_until) {
        out.push_str(text.get(kept_until..start).unwrap_or_default());
        out.push_str(&replacement);
        // Progress even if a finder names nothing.
        kept_until = end.max(kept_until + 1);
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(kept_until..).unwrap_or_default());
    Cow::Owned(out)
}
