#![allow(unused_variables)]

use warmspan::observe;

#[observe(skip = question)]
fn answer(question: &str) {}

fn main() {}
