//! An in-process Langfuse: takes OTLP/HTTP as the real server does, keeps what it was sent, and
//! misbehaves on command.
//!
//! It follows the answers of the Langfuse server's OTLP route (content types, gzip, Basic
//! authentication, `x-langfuse-ingestion-version`), and its mapping of span attributes to
//! observations, as far as `langfuse.observation.*` goes.
//!
//! ```
//! use warmspan::testkit::langfuse::{Fault, Langfuse};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let langfuse = Langfuse::start().await?;
//! assert!(langfuse.base_url().starts_with("http://127.0.0.1:"));
//!
//! langfuse.answer_next(2, &Fault::status(503)); // two requests fail, the third is accepted
//! langfuse.answer(Fault::Hang); // every request after those hangs
//! langfuse.recover(); // and now none does
//! assert_eq!(langfuse.observations().len(), 0);
//! # Ok(())
//! # }
//! ```

mod decode;
mod fault;
mod observation;
mod received;
mod route;
mod server;

pub use fault::Fault;
pub use observation::{Event, Link, Observation, Value};
pub use received::Received;
pub use server::{Langfuse, TooFewSpans};
