use warmspan::observe;

#[observe(capture_output = false, transform = str::len)]
fn answer() -> &'static str {
    "42"
}

fn main() {}
