//! What an ONNX file says about itself, read without an engine.
//!
//! Every engine that reads ONNX takes names, element types and axes from here, so their
//! [`crate::ModelInfo`] agree; and files that no engine should see (cut, inconsistent, or reaching
//! for data outside their folder) are refused here, once.

mod external;
mod graph;
mod metadata;
mod order;
mod signature;
mod wire;

pub use external::ExternalData;
pub use graph::{Declared, Node, OnnxModel};
pub use metadata::metadata;
pub use signature::{Signature, TensorSpecHint};
