//! A command-line tool: nothing freezes it, but it ends. `shutdown` is its one flush.
//!
//! ```sh
//! LANGFUSE_PUBLIC_KEY=pk-lf-... LANGFUSE_SECRET_KEY=sk-lf-... cargo run --example cli
//! ```

#![expect(clippy::print_stdout, reason = "it is a program that shows something")]

use std::time::Duration;

use warmspan::{ObservationType, ObserveFuture as _, Usage};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let sdk = warmspan::sdk();
    // Worth its round trip in a tool, not in a function: wrong keys are told before the work.
    if let Err(error) = sdk.auth_check(Duration::from_secs(5)).await {
        println!("no traces: {error}");
    }

    let answer = summarise("a long text")
        .observed(sdk.span("summarise"))
        .await;
    println!("{answer}");

    let report = sdk.shutdown(Duration::from_secs(10)).await;
    println!("{report}");
}

/// Stands for a call to a model.
async fn ask_model(text: &str) -> String {
    tokio::time::sleep(Duration::from_millis(5)).await;
    format!("{text}, but short")
}

async fn summarise(text: &str) -> String {
    let sdk = warmspan::sdk();
    let search = sdk
        .observation("search")
        .as_type(ObservationType::Retriever)
        .start();
    search
        .input(text)
        .output(&["one document", "another"])
        .end();

    let generation = sdk.generation("write");
    generation.model("gpt-5-mini").input(text);
    let answer = ask_model(text).await;
    generation
        .output(&answer)
        .usage(Usage::new().input(12).output(4))
        .end();
    answer
}
