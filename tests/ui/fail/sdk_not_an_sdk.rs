use warmspan::observe;

#[observe(sdk = "mine")]
fn answer() {}

fn main() {}
