//! Everything needed to see a trace without an account: a Lambda emulator that really freezes the
//! function, an emulator of Vercel's protocol, an in-process Langfuse, an `OpenAI`-compatible server, and
//! traces as text trees.
//!
//! Our own tests are written with it, and so can yours be. It listens on loopback only, and every
//! server runs on a thread of its own, so that a test that blocks its runtime cannot stall it.
//!
//! **Outside semver**: anything here may change in any release.
//!
//! ```
//! use warmspan::testkit::langfuse::Langfuse;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let langfuse = Langfuse::start().await?;
//! // Run something that sends its traces to `langfuse.base_url()`, then look at them:
//! for trace in langfuse.traces() {
//!     println!("{trace}");
//! }
//! # Ok(())
//! # }
//! ```

mod fault_plan;
mod host;
mod ids;
#[cfg(unix)]
pub mod lambda;
pub mod langfuse;
#[cfg(unix)]
mod log;
mod loopback;
mod moment;
pub mod openai;
#[cfg(unix)]
mod process;
mod shared;
pub mod tree;
#[cfg(unix)]
pub mod vercel;

pub use ids::Ids;
pub use moment::Moment;

pub use crate::provider::{replay, replay_as};
