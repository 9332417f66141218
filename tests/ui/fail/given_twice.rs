use warmspan::observe;

#[observe(name = "a", as_type = "tool", name = "b")]
fn answer() {}

fn main() {}
