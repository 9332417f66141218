//! Integration tests: one binary, a file per behaviour.

mod testkit_bootstrap;
mod testkit_http;
mod testkit_lambda;
mod testkit_langfuse;
mod testkit_openai;
mod testkit_tree;
