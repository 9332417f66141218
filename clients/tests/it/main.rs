//! The real clients against a server that replays.

#![allow(missing_docs, reason = "a test says what it checks in its name")]

mod anthropic;
mod bedrock;
mod chat;
mod gemini;
mod genai;
mod ollama;
#[path = "../../../tests/it/provider_replay.rs"]
#[allow(dead_code)]
mod provider_replay;
mod rig;
mod stage;
