//! The engine: a request, the head of a response and its bytes in; a [`Call`] out. It does no
//! I/O and knows no clock.

use std::time::SystemTime;

use super::{
    call::{Call, Ended, Operation},
    decode::{BodyBuffer, Decoder, Event},
    endpoint::Endpoint,
    extract::{Draft, Extract, Header},
    failure::Failure,
    fields::Fields,
    input::{Counts, Input},
    output::Output,
    parameters::Parameters,
};
use crate::observation::{Captured, Content, Usage};

/// Characters kept of the type of an error.
const MAX_KIND: usize = 128;

/// Reads one model call, whatever the API. Holds a bounded running state only.
pub(crate) struct Recorder {
    content: Content,
    extractor: Box<dyn Extract>,
    draft: Draft,
    decoder: Option<Decoder>,
    /// The form in which the API may stream beside events.
    streams_values: bool,
    /// Events came one by one, decoded.
    has_items: bool,
    /// The type of the error, where only a header tells it.
    error_kind: Option<String>,
}

impl Recorder {
    pub(crate) fn new(endpoint: Endpoint, content: Content) -> Self {
        let call = Call {
            provider: endpoint.provider,
            operation: endpoint.api.operation(),
            request_model: endpoint.path_model,
            response_model: None,
            response_id: None,
            parameters: Parameters::default(),
            input: None,
            system: None,
            counts: Counts::default(),
            output: None,
            finish_reasons: Vec::new(),
            usage: None,
            thinking_tokens: None,
            cost: None,
            failure: None,
            refusal: None,
            first_content: None,
            ended: Ended::Protocol,
            streamed: false,
            status: None,
            attempts: 0,
            notes: Vec::new(),
        };
        Self {
            content,
            extractor: endpoint.api.extractor(),
            draft: Draft {
                call,
                output: Output::new(content),
                done: false,
                has_content: false,
                has_usage: false,
                deferred: String::new(),
            },
            decoder: None,
            streams_values: endpoint.api.streams_values(),
            has_items: false,
            error_kind: None,
        }
    }

    /// Reads the body of the request.
    pub(crate) fn request(&mut self, body: &[u8]) {
        let Some(request) = Fields::parse(body) else {
            return;
        };
        if let Some(model) = request.text("model") {
            self.draft.call.request_model = Some(model);
        }
        self.draft.call.parameters = Parameters::of(&request);
        let mut input = Input::new(self.content);
        self.extractor
            .request(&request, &mut input, &mut self.draft);
        let call = &mut self.draft.call;
        (call.input, call.system, call.counts) = input.finish();
        if self.content == Content::Off {
            call.parameters.without_content();
        }
    }

    /// Reads the head of a response.
    pub(crate) fn head(&mut self, status: u16, header: Header<'_>) {
        self.draft.call.status = Some(status);
        let content_type = header("content-type");
        self.decoder = Some(Decoder::new(status, content_type, self.streams_values));
        let is_plain = self.may_be_plain() && content_type.is_some_and(is_plain_text);
        if (200..300).contains(&status) {
            if content_type.is_some_and(is_media) {
                self.decoder = None;
            } else if is_plain {
                // A transcript may begin like an event.
                self.decoder = Some(Decoder::document());
            }
        }
        // AWS appends an address to the type.
        let kind = header("x-amzn-errortype").and_then(|kind| kind.split(':').next());
        self.error_kind = kind.map(|kind| Captured::of(kind, MAX_KIND).text);
        self.extractor.head(header, &mut self.draft);
    }

    /// Gives up on a body in an encoding that only the caller can read.
    pub(crate) fn unreadable(&mut self, encoding: &str) {
        self.decoder = None;
        self.draft.call.note("response_encoding", encoding);
    }

    /// Reads the next bytes of the response's body; `now` is when they arrived.
    pub(crate) fn chunk(&mut self, bytes: &[u8], now: SystemTime) {
        let Some(decoder) = &mut self.decoder else {
            return;
        };
        let (extractor, draft) = (&mut self.extractor, &mut self.draft);
        decoder.push(bytes, |event| read_event(extractor.as_mut(), draft, event));
        if draft.has_content && draft.call.first_content.is_none() && decoder.is_stream() {
            draft.call.first_content = Some(now);
        }
    }

    /// Reads a whole response that a client has decoded already.
    pub(crate) fn document(&mut self, json: &[u8]) {
        if let Some(response) = Fields::parse(json) {
            self.extractor.document(&response, &mut self.draft);
        }
    }

    /// Reads one event that a client has decoded already.
    pub(crate) fn item(&mut self, json: &str, now: SystemTime) {
        self.has_items = true;
        read_event(self.extractor.as_mut(), &mut self.draft, event_of(json));
        if self.draft.has_content && self.draft.call.first_content.is_none() {
            self.draft.call.first_content = Some(now);
        }
    }

    /// What is known by now.
    pub(crate) fn call(&self) -> &Call {
        &self.draft.call
    }

    /// Bytes of memory held for a response that is a stream.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        let decoder = self.decoder.as_ref().map_or(0, Decoder::held);
        size_of::<Self>() + self.draft.output.held() + self.draft.deferred.capacity() + decoder
    }

    /// Whether the protocol's own end was seen: nothing that follows matters.
    pub(crate) fn is_done(&self) -> bool {
        self.draft.done
    }

    /// Records a failure that is not in a response, with the HTTP status if it came from one.
    pub(crate) fn fail(&mut self, failure: Failure, status: Option<u16>) {
        self.draft.fail(failure);
        self.draft.call.status = self.draft.call.status.or(status);
    }

    /// Ends the reading; `attempts` were made.
    pub(crate) fn finish(mut self, ended: Ended, attempts: u32) -> Call {
        let decoder = self.decoder.take();
        let streamed = self.has_items || decoder.as_ref().is_some_and(Decoder::is_stream);
        match decoder {
            Some(Decoder::Document(body)) => self.read_document(&body, ended),
            Some(Decoder::Events(mut framer)) => {
                let (extractor, draft) = (&mut self.extractor, &mut self.draft);
                framer.finish(|event| read_event(extractor.as_mut(), draft, event));
                self.note_lost(framer.lost());
            }
            Some(Decoder::Values(framer)) => self.note_lost(framer.lost()),
            Some(Decoder::Messages(framer)) => self.note_lost(framer.lost()),
            Some(Decoder::Unknown(_)) if ended == Ended::Eof && !self.may_be_plain() => {
                self.draft.fail(no_json());
            }
            None => self.read_status(),
            Some(Decoder::Unknown(_)) => {}
        }
        let deferred = std::mem::take(&mut self.draft.deferred);
        if !deferred.is_empty() {
            self.extractor
                .deferred(event_of(&deferred), &mut self.draft);
        }
        let Draft {
            mut call,
            output,
            done,
            has_usage,
            ..
        } = self.draft;
        call.attempts = attempts;
        call.streamed = streamed;
        // Some providers send no end mark, and some callers do not wait for it.
        let finished = streamed && output.is_finished();
        call.ended = match ended {
            Ended::Eof if !streamed => Ended::Protocol,
            Ended::Eof if done || finished => Ended::Protocol,
            Ended::Dropped if done || finished && !output.goes_on() => Ended::Protocol,
            ended => ended,
        };
        call.finish_reasons = output.finish_reasons();
        call.output = output.finish();
        if !has_usage && call.failure.is_none() && ended != Ended::Error {
            // Langfuse counts the tokens of the preview if it is told nothing.
            call.usage = Some(Usage::new().total(0));
            call.note("usage_source", "missing");
        }
        call
    }

    fn note_lost(&mut self, events: usize) {
        if events > 0 {
            self.draft.call.note("events_lost", events);
        }
    }

    fn read_document(&mut self, body: &BodyBuffer, ended: Ended) {
        let bytes = body.bytes();
        let status = self.draft.call.status.unwrap_or_default();
        if !(200..300).contains(&status) {
            self.fail_of_response(Failure::of_response(status, bytes));
            return;
        }
        match Fields::parse(bytes) {
            Some(response) if !body.is_cut() => {
                self.extractor.document(&response, &mut self.draft);
            }
            None if self.may_be_plain() => {}
            None if ended == Ended::Eof && !body.is_cut() => self.draft.fail(no_json()),
            _ => self.read_scraps(body),
        }
    }

    /// What the status alone tells, of a body that could not be read.
    fn read_status(&mut self) {
        let status = self.draft.call.status.unwrap_or_default();
        if status >= 300 {
            let said = "the body of the response could not be read";
            self.fail_of_response(Failure::new(status.to_string(), said));
        }
    }

    fn fail_of_response(&mut self, mut failure: Failure) {
        if let Some(kind) = self.error_kind.take() {
            failure.kind = kind;
        }
        self.draft.fail(failure);
    }

    /// Whether the response may be text, which says nothing of tokens: transcripts and subtitles.
    fn may_be_plain(&self) -> bool {
        self.draft.call.operation == Operation::Transcription
    }

    /// Reads what is known of a body that is too large, cut short or no JSON.
    fn read_scraps(&mut self, body: &BodyBuffer) {
        let mut scraps = serde_json::Map::new();
        for key in ["usage", "model", "id", "service_tier"] {
            scraps.extend(body.scrap(key).map(|value| (key.to_owned(), value)));
        }
        let json = serde_json::to_vec(&scraps).unwrap_or_default();
        if let Some(response) = Fields::parse(&json) {
            self.extractor.document(&response, &mut self.draft);
        }
        self.draft.call.note("response_cut", true);
    }
}

fn event_of(data: &str) -> Event<'_> {
    Event {
        name: "",
        data,
        is_exception: false,
    }
}

/// Sounds and pictures, of which nothing is read.
fn is_media(content_type: &str) -> bool {
    ["audio/", "image/", "application/octet-stream"]
        .iter()
        .any(|kind| content_type.starts_with(kind))
}

/// Text that is no stream: `text/plain`, `text/vtt` and the like.
fn is_plain_text(content_type: &str) -> bool {
    content_type.starts_with("text/") && !content_type.starts_with("text/event-stream")
}

fn no_json() -> Failure {
    Failure::new("decode", "the response is not a JSON object")
}

fn read_event(extractor: &mut dyn Extract, draft: &mut Draft, event: Event<'_>) {
    if draft.done {
        return;
    }
    if event.is_exception {
        let envelope = serde_json::from_str(event.data).unwrap_or_default();
        let failure = Failure::of_envelope(&envelope, None);
        let message = failure.map_or_else(|| event.data.to_owned(), |failure| failure.message);
        draft.fail(Failure::new(event.name, &message));
        draft.done = true;
    } else {
        extractor.event(event, draft);
    }
}

#[cfg(test)]
mod tests;
