//! Any bytes in each form of a stream: no panic, and the cut of the bytes does not matter.

#![no_main]

use libfuzzer_sys::fuzz_target;
use warmspan::testkit::replay;

const FORMS: [(&str, &str); 4] = [
    ("/v1/chat/completions", "text/event-stream"),
    ("/api/chat", "application/x-ndjson"),
    ("/v1beta/models/m:streamGenerateContent", "application/json"),
    (
        "/model/m/converse-stream",
        "application/vnd.amazon.eventstream",
    ),
];

fuzz_target!(|data: &[u8]| {
    let [form, size, body @ ..] = data else {
        return;
    };
    let (path, content_type) = FORMS[usize::from(*form) % FORMS.len()];
    let whole = replay(path, Some(content_type), b"{}", body, usize::MAX);
    let cut = replay(path, Some(content_type), b"{}", body, usize::from(*size));
    assert_eq!(whole, cut);
});
