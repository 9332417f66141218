#![allow(unused_variables)]

use warmspan::observe;

#[observe(rename(question))]
fn answer(question: &str) {}

fn main() {}
