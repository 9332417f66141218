//! The `#[observe]` attribute of [warmspan](https://docs.rs/warmspan); use it through that crate.
