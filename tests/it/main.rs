//! Integration tests: one binary, a file per behaviour.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and a bootstrap's output is its log"
)]

mod delivery_connection;
mod delivery_faults;
mod delivery_runtimes;
mod delivery_sharing;
mod delivery_tls;
mod delivery_wire;
mod observation_nesting;
mod observe_functions;
mod observe_futures;
mod observe_hygiene;
mod observe_project;
mod observe_streams;
mod observe_values;
mod provider_openai;
mod provider_replay;
mod sdk_singleton;
mod testkit_bootstrap;
mod testkit_http;
mod testkit_lambda;
mod testkit_langfuse;
mod testkit_openai;
mod testkit_tree;
