//! The one interface of an API: its request, its whole response, and the events of its stream.

use super::{
    call::Call, decode::Event, failure::Failure, fields::Fields, input::Input, output::Output,
};

/// Reads one API. One value serves one call.
pub(crate) trait Extract: Send + Sync {
    /// Reads the request.
    fn request(&mut self, request: &Fields<'_>, input: &mut Input, draft: &mut Draft);

    /// Reads a response that came as one document, or the document that ends a stream.
    fn document(&mut self, response: &Fields<'_>, draft: &mut Draft);

    /// Reads one event of a stream.
    fn event(&mut self, event: Event<'_>, draft: &mut Draft);
}

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
}

impl Draft {
    /// Sets the response's identity where it is not known yet.
    pub(crate) fn identity(&mut self, id: Option<&str>, model: Option<&str>) {
        let fill = |known: &mut Option<String>, value: Option<&str>| {
            if let (None, Some(value)) = (&known, value.filter(|value| !value.is_empty())) {
                *known = Some(value.to_owned());
            }
        };
        fill(&mut self.call.response_id, id);
        fill(&mut self.call.response_model, model);
    }

    /// Records a failure; the first one stays, later ones follow from it.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.call.failure.get_or_insert(failure);
    }
}
