//! A Lambda function traced cold and warm, on this machine and without an account.
//!
//! Builds the real function of `handlers/`, runs it in an emulator that freezes it between
//! invocations as Lambda does, and prints the traces that arrived.
//!
//! * `OPENAI_API_KEY` (`OPENAI_BASE_URL`, `OPENAI_MODEL`): ask that model instead of the built-in one.
//! * `LANGFUSE_PUBLIC_KEY`, `LANGFUSE_SECRET_KEY` (`LANGFUSE_BASE_URL`): send the traces there.
//! * `--kill-collector-after N`: take the built-in collector away after N invocations.

#![expect(clippy::print_stdout, reason = "it is a program that shows something")]

mod build;
mod events;
mod flush_log;
mod report;
mod surroundings;

use std::{error::Error, process::ExitCode, time::Duration};

use surroundings::Surroundings;
use warmspan::testkit::lambda::Emulator;

/// How long the function stays frozen between invocations.
const FROZEN: Duration = Duration::from_millis(300);

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let kill_collector_after = arguments()?;
    println!("building the function (the first time takes a minute) ...");
    let bootstrap = build::function()?;
    let surroundings = Surroundings::start().await?;
    println!("{surroundings}\n");

    let mut builder = Emulator::builder(bootstrap)
        .function_name("chat")
        .memory_mb(256);
    for (name, value) in surroundings.variables() {
        builder = builder.env(name, value);
    }
    let emulator = builder.start().await?;

    let mut invocations = Vec::new();
    for (number, question) in (1..).zip(events::questions()) {
        let invocation = emulator.invoke(events::api_gateway(&question)).await?;
        report::invocation(number, &question, &invocation, &emulator.logs());
        invocations.push(invocation);
        if kill_collector_after == Some(number) {
            surroundings.kill_collector().await;
            println!("     the collector is gone from here on\n");
        }
        emulator.stay_frozen(FROZEN).await;
    }
    let logs = emulator.logs();
    emulator.shutdown().await;

    let verdict = match surroundings.collector() {
        Some(langfuse) => report::collected(
            langfuse,
            &invocations,
            &logs,
            kill_collector_after.is_some(),
        ),
        None => report::sent_away(&surroundings, &invocations, &logs).await,
    };
    Ok(verdict)
}

/// `--kill-collector-after N`.
fn arguments() -> Result<Option<usize>, String> {
    const USAGE: &str = "usage: quickstart [--kill-collector-after N], N = 1, 2 or 3";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => Ok(None),
        ["--kill-collector-after", number] => match number.parse() {
            Ok(number @ 1..=3) => Ok(Some(number)),
            _ => Err(format!("{number:?} is not 1, 2 or 3; {USAGE}")),
        },
        other => Err(format!("cannot understand {other:?}; {USAGE}")),
    }
}
