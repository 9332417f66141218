#![allow(unused_variables)]

use warmspan::observe;

#[observe(rename(question = "limit"))]
fn answer(question: &str, limit: u8) {}

fn main() {}
