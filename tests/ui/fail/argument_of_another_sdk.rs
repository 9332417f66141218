use warmspan::observe;

#[observe(type = "generation")]
fn answer() {}

fn main() {}
