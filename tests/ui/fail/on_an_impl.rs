use warmspan::observe;

struct Model;

#[observe]
impl Model {
    fn answer(&self) {}
}

fn main() { Model.answer() }
