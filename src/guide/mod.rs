//! Guides: what to write, coming from elsewhere. Every example is compiled.

pub mod azure;
pub mod coming_from_langfuse;
