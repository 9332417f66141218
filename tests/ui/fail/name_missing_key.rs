use warmspan::observe;

#[observe("answer")]
fn answer() {}

fn main() {}
