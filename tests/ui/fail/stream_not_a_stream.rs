use warmspan::observe;

#[observe(stream)]
fn answer() -> Vec<u8> {
    vec![42]
}

fn main() {}
