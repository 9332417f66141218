use warmspan::observe;

trait Model {
    #[observe]
    fn answer(&self);
}

fn main() {}
