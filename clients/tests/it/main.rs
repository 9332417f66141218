//! The real clients against a server that replays.

#![allow(missing_docs, reason = "a test says what it checks in its name")]

mod bedrock;
mod ollama;
#[path = "../../../tests/it/provider_replay.rs"]
#[allow(dead_code)]
mod provider_replay;
mod stage;
