//! Integration tests: one binary, a file per behaviour.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and a bootstrap's output is its log"
)]

mod composition;
mod composition_sampling;
mod composition_trees;
mod delivery_connection;
mod delivery_faults;
mod delivery_runtimes;
mod delivery_sharing;
mod delivery_tls;
mod delivery_wire;
mod events;
mod http_bodies;
mod http_concurrency;
mod http_ends;
mod http_hyper;
mod http_interval;
mod http_parents;
mod http_platforms;
mod http_privacy;
mod http_request_bodies;
mod http_requests;
mod http_routes;
mod http_shutdown;
mod http_stage;
mod lambda_bootstrap;
mod lambda_cancelled;
mod lambda_errors;
mod lambda_flush;
mod lambda_handlers;
mod lambda_losses;
mod lambda_nesting;
mod lambda_panics;
mod lambda_previews;
mod lambda_privacy;
mod lambda_root;
mod lambda_runtime;
mod lambda_stage;
mod lambda_streaming;
mod observation_nesting;
mod observation_reentrancy;
mod observe_functions;
mod observe_futures;
mod observe_hygiene;
mod observe_project;
mod observe_streams;
mod observe_values;
mod parity;
mod properties;
mod provider_bytes;
mod provider_masked;
mod provider_media;
mod provider_missing_usage;
mod provider_model_call;
mod provider_open_streams;
mod provider_openai;
mod provider_replay;
mod provider_reqwest_middleware;
mod provider_stage;
mod sampling;
mod scores;
mod sdk_singleton;
mod server_rules;
mod testkit_bootstrap;
mod testkit_http;
mod testkit_lambda;
mod testkit_langfuse;
mod testkit_openai;
mod testkit_tree;
mod testkit_vercel;
mod vercel_axum;
mod vercel_bodies;
mod vercel_bootstrap;
mod vercel_concurrency;
mod vercel_end;
mod vercel_errors;
mod vercel_requests;
mod vercel_stage;
