#![allow(unused_variables)]

use warmspan::observe;

#[observe(skip(question), rename(question = "q"))]
fn answer(question: &str) {}

fn main() {}
