//! From finished spans to an answered request: OTLP encoding, one warm HTTP/1.1 connection, and
//! the delivery that sends what the [queue](crate::queue) holds within a budget.

mod answer;
mod connection;
mod delivery;
mod encode;
mod endpoint;
mod health;
mod periodic;
mod report;
pub(crate) mod tls;

pub(crate) use connection::Connections;
pub(crate) use delivery::{Delivery, Patience};
pub(crate) use encode::Encoder;
pub(crate) use endpoint::Endpoint;
pub(crate) use periodic::Periodic;
pub use report::FlushReport;
