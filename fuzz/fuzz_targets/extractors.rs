//! Any response of any API: no panic, and the cut of its bytes does not matter.

#![no_main]

mod apis;

use libfuzzer_sys::fuzz_target;
use warmspan::testkit::replay;

fuzz_target!(|data: &[u8]| {
    let [api, size, body @ ..] = data else { return };
    let path = apis::PATHS[usize::from(*api) % apis::PATHS.len()];
    let whole = replay(path, None, b"{}", body, usize::MAX);
    let cut = replay(path, None, b"{}", body, usize::from(*size));
    assert_eq!(whole, cut);
});
