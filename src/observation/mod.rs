//! What happened between the request and the response: spans, generations, events, tools.

mod content;
mod usage;

pub use content::Content;
pub(crate) use content::{Captured, TextCapture};
pub use usage::Usage;
