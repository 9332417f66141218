//! The function under the real `cargo lambda`, as a user runs it: one cold and one warm invocation.
//!
//! Runs where the tool is named:
//!
//! ```text
//! WARMSPAN_CARGO_LAMBDA="$(command -v cargo-lambda)" cargo test --workspace --test cargo_lambda -- --nocapture
//! ```

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and shows the traces that it has seen"
)]

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use warmspan::testkit::{
    Moment,
    langfuse::{Langfuse, Observation},
    openai::OpenAi,
    tree::Trace,
};

/// Names the binary of the tool.
const TOOL: &str = "WARMSPAN_CARGO_LAMBDA";

/// For what compiles nothing.
const SOON: Duration = Duration::from_secs(60);
/// For what may compile everything.
const BUILD: Duration = Duration::from_secs(900);

/// What the event carries and no trace may.
const SECRETS: [&str; 3] = [
    "a-secret-of-the-header",
    "a-secret-of-the-cookie",
    "a-secret-of-the-query",
];

#[tokio::test]
async fn watch_and_invoke_show_a_cold_and_a_warm_invocation() {
    let Some(tool) = env::var_os(TOOL) else {
        println!("not asked for: {TOOL} names no cargo-lambda");
        return;
    };
    // As `watch` does it, so that the invocations wait for no compiler.
    run(cargo().args(["build", "--bin", "lambda"]), BUILD);

    let openai = OpenAi::start().await.unwrap();
    let langfuse = Langfuse::start().await.unwrap();
    let mark = format!("LANGFUSE_BASE_URL={}\0", langfuse.base_url());
    let watch = Watch::start(&tool, &env_file(&openai, &langfuse), mark);

    let (cold, cold_answered) = watch.invoke(&tool);
    let after_cold = langfuse.traces();
    let (warm, warm_answered) = watch.invoke(&tool);
    let after_warm = langfuse.traces();

    for trace in &after_warm {
        println!("{trace}\n");
    }
    // Nothing was waited for: a trace that is here had arrived when its caller had the answer, although
    // the tool says that the deadline was in 1970.
    assert_eq!((after_cold.len(), after_warm.len()), (1, 2));
    for (trace, answered, is_cold) in [
        (&after_warm[0], cold_answered, true),
        (&after_warm[1], warm_answered, false),
    ] {
        let root = trace.root().unwrap();
        assert_eq!(root.bool("faas.coldstart"), Some(is_cold), "{trace}");
        assert_eq!(root.text("faas.name"), Some("lambda"));
        let generation = generation_below(trace, root).expect("a generation below the root");
        assert_eq!(generation.model.as_deref(), Some("gpt-5-mini"), "{trace}");
        assert!(generation.usage["input"] > 0 && generation.usage["output"] > 0);
        for observation in trace.observations() {
            assert!(observation.received_at <= answered, "{trace}");
        }
    }
    for response in [cold, warm] {
        assert_eq!(response["statusCode"], 200, "{response}");
        let body = response["body"].as_str().unwrap();
        assert!(body.contains("Why do traces"), "{response}");
    }
    for secret in SECRETS {
        assert!(!langfuse.contains(secret), "{secret} was sent");
    }

    let left_over = watch.stop();
    assert_eq!(left_over, Vec::<u32>::new(), "processes outlived the tool");
}

fn generation_below<'a>(trace: &'a Trace, parent: &Observation) -> Option<&'a Observation> {
    trace.children(parent).into_iter().find_map(|child| {
        if child.as_type == "generation" {
            return Some(child);
        }
        generation_below(trace, child)
    })
}

/// What `.env.example` says, with the servers of this test.
fn env_file(openai: &OpenAi, langfuse: &Langfuse) -> PathBuf {
    let path = scratch("cargo_lambda.env");
    let variables = [
        ("LANGFUSE_PUBLIC_KEY", langfuse.public_key()),
        ("LANGFUSE_SECRET_KEY", langfuse.secret_key()),
        ("LANGFUSE_BASE_URL", &langfuse.base_url()),
        ("LANGFUSE_TRACING_ENVIRONMENT", "development"),
        ("OPENAI_API_KEY", "built-in"),
        ("OPENAI_BASE_URL", &openai.base_url()),
        ("OPENAI_MODEL", "gpt-5-mini"),
    ];
    let lines = variables.map(|(name, value)| format!("{name}={value}\n"));
    fs::write(&path, lines.concat()).unwrap();
    path
}

/// `cargo lambda watch`, and everything that it starts.
struct Watch {
    tool: Child,
    port: u16,
    log: PathBuf,
    /// In the environment of the function and of nothing else on this machine.
    mark: String,
}

impl Watch {
    /// Returns once it listens.
    fn start(tool: &OsStr, env_file: &Path, mark: String) -> Self {
        let port = free_port();
        let log = scratch("cargo_lambda.log");
        let output = File::create(&log).unwrap();
        let mut command = clean(Command::new(tool));
        command
            .args(["lambda", "watch", "--ignore-changes", "--bin", "lambda"])
            .args(["-A", "127.0.0.1", "-P", &port.to_string()])
            .arg("--env-file")
            .arg(env_file)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let watch = Self {
            tool: command.spawn().unwrap(),
            port,
            log,
            mark,
        };
        let is_up = until(SOON, || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        assert!(is_up, "cargo lambda watch does not listen: {}", watch.log());
        watch
    }

    /// The function's answer to `handlers/event.json`, and when its caller had it.
    fn invoke(&self, tool: &OsStr) -> (Value, Moment) {
        let event = concat!(env!("CARGO_MANIFEST_DIR"), "/event.json");
        let mut command = clean(Command::new(tool));
        command
            .args(["lambda", "invoke", "lambda", "--data-file", event])
            .args(["-A", "127.0.0.1", "-P", &self.port.to_string()]);
        let begin = Moment::now();
        let output = run(&mut command, SOON);
        let end = Moment::now();
        println!("cargo lambda invoke: {:?}", end.since(begin));
        let response = serde_json::from_str(&output)
            .unwrap_or_else(|error| panic!("{error}: {output}\n{}", self.log()));
        (response, end)
    }

    /// Asks it to stop. Returns what goes on running all the same, and kills that.
    fn stop(mut self) -> Vec<u32> {
        self.end()
    }

    fn end(&mut self) -> Vec<u32> {
        const GRACE: Duration = Duration::from_secs(10);
        signal("TERM", &format!("-{}", self.tool.id()));
        until(GRACE, || {
            self.tool.try_wait().is_ok_and(|status| status.is_some())
        });
        until(GRACE, || processes_with(&self.mark).is_empty());
        let mut left_over = processes_with(&self.mark);
        if matches!(self.tool.try_wait(), Ok(None)) {
            left_over.push(self.tool.id());
        }
        if !left_over.is_empty() {
            signal("KILL", &format!("-{}", self.tool.id()));
            for pid in &left_over {
                signal("KILL", &pid.to_string());
            }
            let _ = self.tool.wait();
        }
        left_over
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if matches!(self.tool.try_wait(), Ok(None)) {
            println!("cargo lambda watch said:\n{}", self.log());
            self.end();
        }
    }
}

/// Runs a command to its end and returns its output. One that fails or takes too long fails the test.
fn run(command: &mut Command, timeout: Duration) -> String {
    let path = scratch("cargo_lambda.stdout");
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(File::create(&path).unwrap());
    let mut child = command.spawn().unwrap();
    until(timeout, || {
        child.try_wait().is_ok_and(|status| status.is_some())
    });
    let status = child.try_wait().unwrap();
    if status.is_none() {
        signal("KILL", &format!("-{}", child.id()));
        child.wait().unwrap();
    }
    assert!(
        status.is_some_and(|status| status.success()),
        "{command:?} within {timeout:?}: {status:?}"
    );
    fs::read_to_string(path).unwrap()
}

fn cargo() -> Command {
    clean(Command::new(
        env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")),
    ))
}

/// In the workspace, with nothing of the user's own accounts and nothing that cargo told this test.
fn clean(mut command: Command) -> Command {
    const OURS: [&str; 6] = [
        "AWS_",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "LANGFUSE_",
        "OPENAI_",
        "OTEL_",
    ];
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if OURS.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// Polls until `is_done`; false if it never was.
fn until(timeout: Duration, mut is_done: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < timeout {
        if is_done() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

/// The shell's own `kill`, since the standard library signals no process groups.
fn signal(name: &str, target: &str) {
    let script = format!("kill -s {name} -- {target}");
    let status = Command::new("sh")
        .args(["-c", &script])
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok(), "no shell to stop processes with");
}

/// Processes whose environment holds `mark`; none where there is no `/proc`.
fn processes_with(mark: &str) -> Vec<u32> {
    let holds = |pid: &u32| {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
            environment
                .windows(mark.len())
                .any(|window| window == mark.as_bytes())
        })
    };
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(holds)
        .collect()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
