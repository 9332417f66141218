use warmspan::observe;

#[observe]
async fn answer() -> Option<u8> {
    let answer: u8 = "42".parse()?;
    Some(answer)
}

fn main() {}
