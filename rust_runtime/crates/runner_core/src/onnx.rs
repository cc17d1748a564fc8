//! What an ONNX file says about itself, read without an engine.
//!
//! Every engine that reads ONNX takes names, element types and axes from here, so their
//! [`crate::ModelInfo`] agree; and files that no engine should see (cut, inconsistent, or reaching
//! for data outside their folder) are refused here, once.

mod declared;
mod external;
mod graph;
mod metadata;
mod named;
mod order;
mod origins;
mod refusal;
mod relocate;
mod signature;
mod stored;
mod weights;
mod wire;

pub use declared::Declared;
pub use external::ExternalData;
pub use graph::{Node, OnnxModel};
pub(crate) use metadata::AXES;
pub use metadata::metadata;
pub use named::named;
pub use origins::{EngineNode, Naming, origins};
pub use relocate::relocated;
pub use signature::{Signature, TensorSpecHint};
pub use stored::ExternalTensor;
pub use weights::{External, with_weights_aligned, with_weights_in_place, with_weights_moved};
