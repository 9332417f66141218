//! The same program with tracing: it makes its SDK, records an observation, and is ready.

use std::{
    io::{self, Write as _},
    time::Instant,
};

use warmspan::Config;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let started = Instant::now();
        let config = Config::new()
            .public_key("pk-lf-bench")
            .secret_key("sk-lf-bench");
        let sdk = warmspan::init(config);
        let made = started.elapsed();
        let started = Instant::now();
        sdk.span("first").output("ready").end();
        let recorded = started.elapsed();
        writeln!(io::stdout(), "{} {}", made.as_nanos(), recorded.as_nanos())
    })
}
