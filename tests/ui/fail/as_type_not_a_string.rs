use warmspan::observe;

#[observe(as_type = generation)]
fn answer() {}

fn main() {}
