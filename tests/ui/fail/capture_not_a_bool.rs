use warmspan::observe;

#[observe(capture_input = "no")]
fn answer() {}

#[observe(capture_output)]
fn other() {}

fn main() {}
