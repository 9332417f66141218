#![allow(unused_variables)]

use warmspan::observe;

struct Model;

impl Model {
    #[observe(skip(self))]
    fn answer(&self, question: &str) {}
}

fn main() {}
