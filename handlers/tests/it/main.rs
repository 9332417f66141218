//! The function as it is deployed, in the emulator: one binary, a file per behaviour.

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod after_response;
mod cloud_run;
mod cold_and_warm;
mod collector_away;
mod deadline;
mod model_fails;
mod secrets_in_logs;
mod server;
mod settings;
mod surroundings;
mod thaw;
mod vercel_api;
mod vercel_end;
mod vercel_freeze;
mod vercel_requests;
mod vercel_shutdown;
mod vercel_stage;
