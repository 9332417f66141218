//! Runs a program with a model and a Langfuse of this machine in place of the real ones, and prints
//! each trace that arrives. Neither needs an account.
//!
//! ```sh
//! cargo run --example no_account -- cargo run -p warmspan-handlers --bin vercel
//! curl -d '{"question":"Why is the sky blue?"}' http://127.0.0.1:3000/   # in a second terminal
//! ```

#![expect(clippy::print_stdout, reason = "it is a program that shows something")]

use std::{collections::HashSet, error::Error, process::ExitCode, time::Duration};

use tokio::process::Command;
use warmspan::testkit::{langfuse::Langfuse, openai::OpenAi};

/// How often arrivals are looked for.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("say which program to run")?;
    let (openai, langfuse) = (OpenAi::start().await?, Langfuse::start().await?);
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("OPENAI_BASE_URL", openai.base_url())
        .env("OPENAI_API_KEY", "built-in")
        .env("LANGFUSE_BASE_URL", langfuse.base_url())
        .env("LANGFUSE_PUBLIC_KEY", langfuse.public_key())
        .env("LANGFUSE_SECRET_KEY", langfuse.secret_key())
        .kill_on_drop(true);
    // What cargo tells this program is not meant for a cargo that it starts.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_PKG_") {
            command.env_remove(&name);
        }
    }
    let mut running = command.spawn()?;

    let mut shown = HashSet::new();
    let ended = loop {
        let ended = tokio::time::timeout(PAUSE, running.wait()).await;
        for trace in langfuse.traces() {
            if trace.root().is_some() && shown.insert(trace.trace_id().to_owned()) {
                println!("{trace}\n");
            }
        }
        if let Ok(status) = ended {
            break status?;
        }
    };
    Ok(ended.code().map_or(ExitCode::FAILURE, |code| {
        u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
    }))
}
