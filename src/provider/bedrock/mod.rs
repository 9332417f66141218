//! Amazon Bedrock: its own Converse API, and the bodies of vendors inside of `InvokeModel`.
//!
//! One line in the configuration of the AWS SDK's client observes its calls:
//! `aws_sdk_bedrockruntime::config::Builder::from(&sdk_config)
//! .interceptor(warmspan::bedrock::interceptor())`.

mod converse;
mod embeddings;
#[cfg(feature = "bedrock")]
mod interceptor;
mod invoke;
mod usage;

#[cfg(feature = "bedrock")]
pub use interceptor::{ObserveInterceptor, interceptor};

pub(super) use converse::ConverseExtractor;
pub(super) use embeddings::EmbedExtractor;
pub(super) use invoke::InvokeExtractor;
