//! The one interface of an API: its request, its whole response, and the events of its stream.

use serde_json::Value;

use super::{
    call::Call,
    decode::Event,
    failure::Failure,
    fields::Fields,
    input::Input,
    output::{MAX_NAME, Output},
};
use crate::observation::Usage;

/// Reads one API. One value serves one call.
pub(crate) trait Extract: Send + Sync {
    /// Reads the request.
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, draft: &mut Draft);

    /// Reads the headers of the response, for what the body does not say.
    fn head(&mut self, _: Header<'_>, _: &mut Draft) {}

    /// Reads a response that came as one document, or the document that ends a stream.
    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft);

    /// Reads one event of a stream.
    fn event(&mut self, event: Event<'_>, draft: &mut Draft);

    /// Reads the counts of the last event that was put off.
    fn deferred(&mut self, _: Event<'_>, _: &mut Draft) {}
}

/// Longest event that is put off instead of parsed, in bytes.
const MAX_DEFERRED: usize = 16 * 1024;

/// The value of a header by its name in lower case.
pub(crate) type Header<'h> = &'h dyn Fn(&str) -> Option<&'h str>;

/// A call while it is being read.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) call: Call,
    pub(crate) output: Output,
    /// The protocol's own end was seen.
    pub(crate) done: bool,
    /// Content was seen.
    pub(crate) has_content: bool,
    /// The stream is of a provider that sent usage.
    pub(crate) has_usage: bool,
    /// The last event that was not parsed although it holds counts: each repeats those so far, so
    /// only the last matters. Empty if there is none.
    pub(crate) deferred: String,
}

impl Draft {
    /// Sets the response's identity where it is not known yet.
    pub(crate) fn identity(&mut self, id: Option<&str>, model: Option<&str>) {
        let fill = |known: &mut Option<String>, value: Option<&str>| {
            if let (None, Some(value)) = (&known, value.filter(|value| !value.is_empty())) {
                *known = Some(cut(value).to_owned());
            }
        };
        fill(&mut self.call.response_id, id);
        fill(&mut self.call.response_model, model);
    }

    /// Sets the tier that served the call; a value that is no text changes nothing.
    pub(crate) fn service_tier(&mut self, tier: &Value) {
        if let Some(tier) = tier.as_str() {
            self.call.parameters.set("service_tier", cut(tier).into());
        }
    }

    /// Sets the token counts; the last ones count.
    pub(crate) fn usage(&mut self, usage: Usage) {
        self.call.usage = Some(usage);
        self.has_usage = true;
        self.deferred.clear();
    }

    /// Whether a text delta adds nothing but its length. The first one is told by its time, too.
    pub(crate) fn is_full(&self) -> bool {
        self.has_content && self.output.is_full(0)
    }

    /// Keeps an event with counts unparsed until a later one or the end. False if it is too long.
    pub(crate) fn defer(&mut self, data: &str) -> bool {
        let fits = data.len() <= MAX_DEFERRED;
        if fits {
            self.deferred.clear();
            self.deferred.push_str(data);
        }
        fits
    }

    /// Records the failure that an envelope holds, if it holds one.
    pub(crate) fn fail_of(&mut self, envelope: &Value) {
        if let Some(failure) = Failure::of_envelope(envelope, None) {
            self.fail(failure);
        }
    }

    /// Records a failure; the first one stays, later ones follow from it.
    pub(crate) fn fail(&mut self, mut failure: Failure) {
        let end = cut(&failure.kind).len();
        failure.kind.truncate(end);
        self.call.failure.get_or_insert(failure);
    }
}

/// The beginning of a word of the provider's, which should be short.
fn cut(word: &str) -> &str {
    let end = word.char_indices().nth(MAX_NAME);
    end.and_then(|(at, _)| word.get(..at)).unwrap_or(word)
}
