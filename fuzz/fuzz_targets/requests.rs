//! Any request of any API: no panic.

#![no_main]

mod apis;

use libfuzzer_sys::fuzz_target;
use warmspan::testkit::replay;

fuzz_target!(|data: &[u8]| {
    let [api, request @ ..] = data else { return };
    let path = apis::PATHS[usize::from(*api) % apis::PATHS.len()];
    replay(path, None, request, b"{}", usize::MAX);
});
