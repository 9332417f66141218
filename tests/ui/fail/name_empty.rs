use warmspan::observe;

#[observe(name = "")]
fn answer() {}

fn main() {}
