use warmspan::observe;

#[observe(crate = ::traced)]
fn answer() {}

fn main() {}
