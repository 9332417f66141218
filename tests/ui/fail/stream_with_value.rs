use warmspan::observe;

#[observe(stream = true)]
fn answer() {}

fn main() {}
