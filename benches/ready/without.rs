//! A program that is ready to serve: the floor of `benches/start.rs`.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { io::stdout().write_all(b"ready\n") })
}
