//! The server around loaded models: requests are parsed, checked, queued and batched here.
//!
//! [`protocol`] turns bytes into an [`InferRequest`] and an [`InferReply`] into bytes. Neither it
//! nor what runs the models knows HTTP types or an async runtime.

pub mod batch;
pub mod clock;
#[cfg(feature = "http")]
pub mod config;
mod error;
mod gate;
#[cfg(feature = "http")]
pub mod golden;
#[cfg(feature = "http")]
mod http;
mod limits;
mod memory;
pub mod metrics;
pub mod model;
pub mod picture;
mod pool;
#[cfg(feature = "http")]
pub mod program;
pub mod protocol;
mod request;
#[cfg(feature = "http")]
mod serve;
#[cfg(feature = "http")]
mod start;
#[cfg(feature = "http")]
mod stop;
#[cfg(test)]
mod testing;
mod timely;
mod units;
mod wait;

pub use error::{ErrorKind, ServerError};
pub use limits::{
    ConnectionLimits, DrainLimits, Limits, PictureLimits, QueueLimits, RequestLimits,
};
pub use request::{Dialect, InferReply, InferRequest, Priority, Timing, tensor_bytes};
#[cfg(feature = "http")]
pub use {
    config::{FolderSettings, ModelEntry, ServerSettings, TlsSettings},
    serve::{serve, serve_with},
    start::{StartError, Started, StartedModel},
    stop::Stop,
};
