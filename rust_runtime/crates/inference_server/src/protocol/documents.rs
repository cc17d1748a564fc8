//! What is told about the server and its models, and the small bodies of the control side.

mod control;
mod error;
mod health;
mod model;
mod statistics;

pub use control::{ControlRequest, IndexEntry, read_control, read_index};
pub use error::error;
pub use health::{Health, Live, ModelReady, Ready, ServerMetadata};
pub use model::{ModelConfig, ModelMetadata, Served};
pub use statistics::{
    BatchStatistics, Duration, InferStatistics, ModelStatistics, Statistics, Tuning,
    is_reserved_name,
};

use serde::Serialize;

use super::{Result, infer::json};

/// A document as it goes out.
///
/// # Errors
/// [`ErrorKind::Fault`](crate::ErrorKind::Fault) when it cannot be JSON.
pub fn write(document: &impl Serialize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    json(&mut body, document)?;
    Ok(body)
}
