//! One request from its arrival to its response: the root observation, and the flush that awaits.
//!
//! [`scope`] is the core: it opens the root, knows cold from warm, records the outcome and flushes
//! within a budget. The adapters around it are thin: [`lambda`] for `lambda_runtime`, [`http`] for
//! everything that speaks `tower` and `http`, [`vercel`] for `vercel_runtime`.

#[cfg(any(feature = "lambda", feature = "http"))]
mod body_capture;
mod budget;
#[cfg(any(feature = "lambda", feature = "http"))]
mod events;
#[cfg(any(feature = "lambda", feature = "http"))]
mod handler;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(any(feature = "lambda", feature = "http"))]
mod open_requests;
#[cfg(any(feature = "lambda", feature = "http"))]
mod parent;
#[cfg(any(feature = "lambda", feature = "http"))]
mod scope;
#[cfg(feature = "vercel")]
pub mod vercel;

#[cfg(any(feature = "lambda", feature = "http"))]
pub(crate) use open_requests::OpenRequests;
