//! An in-process `OpenAI`-compatible server: answers that depend on nothing but the question.
//!
//! It serves chat completions and responses (whole and streamed) and embeddings, with bodies of the
//! shape that `OpenAI` documents and async-openai 0.43 reads. The answer repeats the question, and a
//! text counts as one token per four characters, rounded up.
//!
//! ```
//! use warmspan::testkit::openai::{Fault, OpenAi};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let openai = OpenAi::start().await?;
//! assert!(openai.base_url().ends_with("/v1")); // for OPENAI_BASE_URL
//!
//! openai.answer_next(1, &Fault::CutStream { after: 3 }); // the next stream breaks after 3 events
//! # Ok(())
//! # }
//! ```

mod answer;
mod chat;
mod embeddings;
mod fault;
mod responses;
mod route;
mod server;
mod stream;

pub use fault::Fault;
pub use server::{Asked, OpenAi};
