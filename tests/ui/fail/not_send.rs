use warmspan::observe;

use std::rc::Rc;

#[observe]
async fn answer(shared: Rc<u8>) -> u8 {
    std::future::ready(()).await;
    *shared
}

fn spawn(_: impl Send) {}

fn main() { spawn(answer(Rc::new(42))) }
