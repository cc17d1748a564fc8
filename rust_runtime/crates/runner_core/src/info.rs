use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DType, Device};

/// One axis of a tensor: a length, or a name for a length that may change from run to run.
///
/// Two axes with the same name must have the same length within one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// Always this length.
    Fixed(usize),
    /// Any length; the name ties axes together.
    Symbol(String),
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => write!(f, "{length}"),
            Self::Symbol(name) => f.write_str(name),
        }
    }
}

/// Whether a tensor of these axes could be in any memory; symbolic axes count as 1.
pub(crate) fn fits_memory(dtype: DType, dims: &[Dim]) -> bool {
    let mut lengths = dims.iter().filter_map(|dim| match dim {
        Dim::Fixed(length) => Some(*length),
        Dim::Symbol(_) => None,
    });
    let bytes = lengths.try_fold(dtype.size(), usize::checked_mul);
    bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok())
}

/// Name, element type and axes of one input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Name in the model's graph.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Axes, outermost first.
    pub dims: Vec<Dim>,
}

impl TensorSpec {
    /// The axes as text: `[batch, 3, 256, 256]`.
    pub fn dims_text(&self) -> String {
        let dims: Vec<String> = self.dims.iter().map(Dim::to_string).collect();
        format!("[{}]", dims.join(", "))
    }
}

/// What a loaded model is, known before its first run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Name of the model: its file's name, or the name given with its bytes.
    pub model: String,
    /// Name of the engine, as its backend gives it.
    pub backend: String,
    /// The engine's own version.
    pub backend_version: String,
    /// Inputs in the graph's order.
    pub inputs: Vec<TensorSpec>,
    /// Outputs in the graph's order.
    pub outputs: Vec<TensorSpec>,
    /// Threads that one run really uses.
    pub threads: usize,
    /// Device really in use.
    pub device: Device,
}
