//! A trace as a text tree: one presentation for people, one for tests.
//!
//! [`Trace::tree`] (also its `Display`) shows times, models, tokens and a line of each text:
//!
//! ```text
//! chat  span  cold start  815 ms
//! │  input:  {"question":"Why is the sky blue?"}
//! └─ openai.responses  generation  gpt-5-mini  23 → 118 tokens  640 ms (first token 210 ms)
//!       input:  Why is the sky blue?
//!       output: Because … (500 of 8,213 chars; WARMSPAN_CONTENT=full keeps all)
//! ```
//!
//! [`Trace::outline`] has neither times nor ids, and is the same in every run:
//!
//! ```text
//! chat [span]
//! └─ openai.responses [generation]
//! ```

mod outline;
mod people;
mod shape;
mod trace;

pub use trace::Trace;
