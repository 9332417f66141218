#![allow(unused_variables)]

use warmspan::observe;

#[observe(capture_input = false, skip(question))]
fn answer(question: &str) {}

fn main() {}
