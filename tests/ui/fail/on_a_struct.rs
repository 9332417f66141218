use warmspan::observe;

#[observe]
struct Answer;

fn main() { let _ = Answer; }
