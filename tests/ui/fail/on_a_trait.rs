use warmspan::observe;

#[observe]
trait Model {
    fn answer(&self);
}

fn main() {}
