//! The expansion brings no warnings of its own.

#![deny(warnings, clippy::all, clippy::pedantic, unused, missing_docs, unreachable_pub)]
#![deny(unused_braces, unused_qualifications, let_underscore_drop, single_use_lifetimes)]
#![forbid(unsafe_code)]

use std::{future::Future, pin::Pin};

use warmspan::observe;

#[observe]
fn nothing() {}

#[observe]
fn unit() -> Result<(), String> {
    Ok(())
}

#[observe]
async fn later(word: &str) -> usize {
    word.len()
}

#[observe]
async fn braces() -> u8 {
    1
}

#[observe]
fn boxed<'a>(word: &'a str) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
    Box::pin(async move { word.len() })
}

#[observe(capture_output = false)]
fn mutable(mut n: u8) -> u8 {
    n += 1;
    n
}

fn main() {
    nothing();
    assert_eq!((unit(), mutable(1)), (Ok(()), 2));
    drop((later("word"), boxed("word"), braces()));
}
