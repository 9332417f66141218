//! An emulator of the platform that `vercel_runtime` 2.4 speaks to on Vercel: it runs the real
//! executable, takes its messages on a unix socket and sends it HTTP requests, several at a time if
//! asked to.
//!
//! The runtime says `end` for a request once what was given to `AppState::wait_until` is done; from
//! then on Vercel may freeze the process. Here nothing freezes by itself:
//! [`freeze`](Emulator::freeze) and [`thaw`](Emulator::thaw) stop the process group (`SIGSTOP`) and
//! let it go on, [`terminate`](Emulator::terminate) asks it to end (`SIGTERM`).
//!
//! ```no_run
//! use http::Request;
//! use warmspan::testkit::vercel::{Emulator, EmulatorError};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder("target/debug/vercel")
//!     .env("LANGFUSE_BASE_URL", "http://127.0.0.1:3000")
//!     .start()
//!     .await?;
//! let request = Request::post("/api/chat").body(r#"{"question":"Why is the sky blue?"}"#)?;
//! let invocation = emulator.request(request).await?;
//! assert_eq!(invocation.status, 200);
//! // What the client waited for, and until when the function was not to be frozen:
//! println!("{:?}, {:?}", invocation.timeline.responded, invocation.timeline.ended);
//! # Ok(())
//! # }
//! ```
//!
//! Without the socket the executable is a plain HTTP server, as on a developer's machine:
//! [`EmulatorBuilder::local`].
//!
//! Source: `vercel_runtime` 2.4, which is all that the platform shows of its side.

mod builder;
mod emulator;
mod error;
mod function;
mod invocation;
mod ipc;

pub use builder::EmulatorBuilder;
pub use emulator::Emulator;
pub use error::EmulatorError;
pub use function::Exit;
pub use invocation::{Answer, Invocation, Timeline};

pub use super::log::{LogLine, Stream};
