use warmspan::observe;

#[observe(title = "answer")]
fn answer() {}

fn main() { answer() }
