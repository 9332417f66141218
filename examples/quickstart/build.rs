//! Builds the function as a user does: the same binary that is deployed.

use std::{
    error::Error,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;

/// Builds `handlers/lambda.rs`. Returns the path of the bootstrap.
///
/// The example is named too, although it runs already: with the same choice of packages cargo uses
/// the dependencies that it has built for it, and compiles only the function.
pub(crate) fn function() -> Result<PathBuf, Box<dyn Error>> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` tells this program is an input of some build scripts (ring's, for one): handed on,
    // it would have cargo build those crates again, now with it and next time without.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_PKG_") {
            command.env_remove(&name);
        }
    }
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--quiet",
            "--example",
            "quickstart",
            "--bin",
            "lambda",
        ])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("the function does not build; see above".into());
    }
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| {
            message
                .pointer("/target/name")
                .is_some_and(|name| name == "lambda")
        })
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .ok_or_else(|| "cargo named no executable for the function".into())
}
