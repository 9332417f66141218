//! What tracing adds to a cold start, and to the size of the program: two tiny programs that say
//! when they are ready, one with an SDK and a first observation, one without.
//!
//! `cargo bench --bench start`. It builds them first. Nothing connects: a connection is opened
//! while the platform still initialises, and nobody waits for it.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints a table and fails by panicking"
)]

mod in_turns;

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use in_turns::in_turns;

const ROUNDS: usize = 300;

fn main() {
    build();
    let (without, with) = (program("ready_without"), program("ready_with"));
    let (mut making, mut recording) = (Vec::new(), Vec::new());
    let [without_ready, with_ready] = in_turns(
        ROUNDS,
        [&mut || spawn(&without).0, &mut || {
            let (ready, said) = spawn(&with);
            let (made, recorded) = said.trim().split_once(' ').unwrap();
            making.push(Duration::from_nanos(made.parse().unwrap()));
            recording.push(Duration::from_nanos(recorded.parse().unwrap()));
            ready
        }],
    );
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("median of {ROUNDS} processes, in microseconds:\n");
    println!(
        "from spawn to ready, without: {:>8.0}",
        micros(without_ready)
    );
    println!("from spawn to ready, with:    {:>8.0}", micros(with_ready));
    println!(
        "  of which the SDK:           {:>8.1}",
        micros(median(making))
    );
    println!(
        "  and the first observation:  {:>8.1}",
        micros(median(recording))
    );
    let bytes = |program: &Path| fs::metadata(program).unwrap().len();
    println!("\nbytes, without: {:>9}", bytes(&without));
    println!("bytes, with:    {:>9}", bytes(&with));
}

/// The programs as their users build them, in the release profile.
fn build() {
    let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args([
            "build",
            "--release",
            "--example",
            "ready_without",
            "--example",
            "ready_with",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(status.unwrap().success());
}

/// Beside this benchmark's own directory, which is `deps`.
fn program(name: &str) -> PathBuf {
    let mut path = env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    path.join(name).with_extension(env::consts::EXE_EXTENSION)
}

/// Runs a program until it is ready; how long that took, and what it said.
fn spawn(program: &Path) -> (Duration, String) {
    let started = Instant::now();
    let mut child = Command::new(program)
        .env_clear()
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    let ready = started.elapsed();
    child.wait().unwrap();
    (ready, said)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
