//! Every argument at once.

use warmspan::{Sdk, observe};

mod inner {
    pub use warmspan as traced;
}

#[observe(
    name = "everything",
    as_type = "generation",
    capture_input = true,
    capture_output = true,
    skip(secret),
    rename(question = "q"),
    transform = str::len,
    sdk = Sdk::disabled(),
    crate = inner::traced,
)]
fn answer(question: &str, secret: &str) -> String {
    format!("{question} {secret}")
}

fn main() {
    assert_eq!(answer("why", "because"), "why because");
}
