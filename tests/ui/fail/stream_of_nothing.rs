use warmspan::observe;

#[observe(stream)]
fn answer() {}

fn main() {}
