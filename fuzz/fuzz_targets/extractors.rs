//! Any response of any API: no panic, and the cut of its bytes does not matter.

#![no_main]

mod apis;

use libfuzzer_sys::fuzz_target;
use warmspan::{Content, testkit::replay_as};

fuzz_target!(|data: &[u8]| {
    let [api, size, how, body @ ..] = data else { return };
    let path = apis::PATHS[usize::from(*api) % apis::PATHS.len()];
    let head = ([200, 200, 429, 500][usize::from(how & 3)], None);
    let content = [Content::Preview, Content::Full, Content::Off][usize::from(how >> 2) % 3];
    let whole = replay_as(path, head, content, b"{}", body, usize::MAX);
    let cut = replay_as(path, head, content, b"{}", body, usize::from(*size));
    assert_eq!(whole, cut);
});
