//! langfuse
