//! A Lambda emulator that follows AWS's rules where they matter to a trace: it runs the real
//! bootstrap binary, and stops it between invocations.
//!
//! It serves the Runtime API and the Extensions API to a process that it spawned with the environment
//! AWS sets and nothing else. An invocation's phase ends once the runtime **and** every extension have
//! asked for what comes next; then the process group is stopped (`SIGSTOP`), and the next invocation
//! lets it go on (`SIGCONT`). So what a function does after its response, but before it asks for the
//! next event, still runs; what it leaves to the background does not.
//!
//! ```no_run
//! use warmspan::testkit::lambda::{Emulator, EmulatorError};
//!
//! # async fn example() -> Result<(), EmulatorError> {
//! let emulator = Emulator::builder("target/debug/bootstrap")
//!     .env("LANGFUSE_BASE_URL", "http://127.0.0.1:3000")
//!     .start()
//!     .await?;
//! let cold = emulator.invoke(r#"{"question":"Why is the sky blue?"}"#).await?;
//! let warm = emulator.invoke(r#"{"question":"And the sea?"}"#).await?;
//! assert!(cold.cold && !warm.cold);
//! assert!(warm.result.is_ok());
//! // What a client waits for, and what is billed:
//! println!("{:?} of {:?}", warm.client_latency(), warm.phase_duration());
//! emulator.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! `SIGSTOP` stops processes, not the clock and not the network: the kernel still accepts and
//! acknowledges what is sent to a stopped process. Billing, memory limits and credentials are not
//! emulated. On a mid-stream error `lambda_runtime` 1.5 writes its error "trailers" into the body; the
//! emulator leaves them there, and reports only real trailers as an error.
//!
//! Sources: AWS's documentation of the execution environment's life cycle, the Runtime API and the
//! Extensions API, and the headers that `lambda_runtime` 1.5 reads.

mod api;
mod builder;
mod emulator;
mod environment;
mod error;
mod extension;
mod ids;
mod invocation;
mod lifecycle;
mod running;
mod shutdown;
mod variables;

pub use builder::{Deadline, EmulatorBuilder};
pub use emulator::Emulator;
pub use error::EmulatorError;
pub use invocation::{FunctionError, Invocation, PhaseEnd, Response, Timeline};
pub use shutdown::Shutdown;

pub use crate::testkit::log::{LogLine, Stream};
