use warmspan::observe;

#[observe]
unsafe fn answer() -> u8 {
    42
}

fn main() {}
