use warmspan::observe;

#[observe(name = answer)]
fn answer() {}

fn main() {}
