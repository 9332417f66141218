use warmspan::observe;

#[observe]
fn answer() -> String {
    42
}

#[observe]
async fn answer_later() -> String {
    42
}

fn main() {}
