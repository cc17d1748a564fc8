//! `infer` of the Open Inference Protocol v2: JSON with or without binary tensors behind it.

mod data;
mod header;
mod input;
mod outputs;
mod raw;
mod reply;
mod request;

pub use header::length as json_length;
pub use reply::write;
pub(super) use reply::{has_non_finite, json, values};
pub use request::{read, read_apart};

/// The header field that tells where the JSON of a body ends and its binary data begins.
pub const HEADER_LENGTH: &str = "Inference-Header-Content-Length";

#[cfg(test)]
mod tests;
