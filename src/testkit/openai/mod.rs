//! An in-process OpenAI-compatible server.
