//! The Lambda main of the function.
fn main() {}
