#![allow(unused_variables)]

use warmspan::observe;

#[observe(skip(questoin))]
fn answer(question: &str, limit: u8) {}

fn main() {}
