//! How the library speaks to its user: through `tracing`, and only where nobody listens to that,
//! once to standard error.

use std::{collections::HashSet, fmt, sync::Mutex};

use once_cell::sync::Lazy;

/// Warns that something is not as the user meant it. The message names the value and the remedy.
pub(crate) fn warn(message: impl fmt::Display) {
    if tracing::dispatcher::has_been_set() {
        tracing::warn!(target: "warmspan", "{message}");
    } else {
        write_once(&message.to_string());
    }
}

/// Tells what happened to whoever asked for it with `LANGFUSE_DEBUG` (`wanted`) or listens at
/// debug level.
pub(crate) fn debug(wanted: bool, message: fmt::Arguments<'_>) {
    if !tracing::dispatcher::has_been_set() {
        if wanted {
            write(&message.to_string());
        }
    } else if wanted {
        tracing::info!(target: "warmspan", "{message}");
    } else {
        tracing::debug!(target: "warmspan", "{message}");
    }
}

/// Writes each distinct warning once in the life of the process; a warm function would repeat it
/// for ever.
fn write_once(message: &str) {
    static WRITTEN: Lazy<Mutex<HashSet<String>>> = Lazy::new(Mutex::default);
    // Counts differ from time to time; the warning is the same.
    let kind: String = message
        .chars()
        .filter(|character| !character.is_ascii_digit())
        .collect();
    let fresh = WRITTEN
        .lock()
        .is_ok_and(|mut written| written.len() < MAX_WARNINGS && written.insert(kind));
    if fresh {
        write(message);
    }
}

/// More distinct warnings than this say nothing new.
const MAX_WARNINGS: usize = 64;

/// The only place in the library that prints.
#[expect(
    clippy::print_stderr,
    reason = "documented: nobody listens to `tracing`"
)]
fn write(message: &str) {
    eprintln!("warmspan: {message}");
}
