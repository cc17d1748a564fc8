use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DType, Device};

/// One axis of a tensor: a length, or a name for a length that may change from run to run.
///
/// Two axes with the same name must have the same length within one run, where it is a name:
/// see [`Dim::shared`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    /// Always this length.
    Fixed(usize),
    /// Any length; the name ties axes together.
    Symbol(String),
}

impl Dim {
    /// The name that ties the axis to others; none of a length, nor of `?`, `-1` and the like, which
    /// are different lengths wherever they stand.
    ///
    /// A name has a letter or an underscore, and is not what exporters write for Python's None.
    pub fn shared(&self) -> Option<&str> {
        match self {
            Self::Fixed(_) => None,
            Self::Symbol(name) => Some(name.as_str()).filter(|name| is_shared(name)),
        }
    }
}

fn is_shared(name: &str) -> bool {
    let in_names = |letter: char| letter.is_alphabetic() || letter == '_';
    !name.eq_ignore_ascii_case("none") && name.contains(in_names)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_letter_or_an_underscore() {
        let shared = |name: &str| Dim::Symbol(name.into()).shared().is_some();
        let names =
            ["n", "batch", "batch-size", "s0", "2*s0", "p2o.DynamicDimension.0", "_", "größe"];
        assert!(names.into_iter().all(shared));
        let others = ["", "?", "-1", "*", "...", "0", "  ", "None", "none"];
        assert!(!others.into_iter().any(shared));
        assert_eq!(Dim::Fixed(3).shared(), None);
    }
}
