use warmspan::observe;

fn length(text: &String) -> usize {
    text.len()
}

#[observe(transform = length)]
fn answer() -> u8 {
    42
}

fn main() {}
