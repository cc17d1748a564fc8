use std::{collections::BTreeMap, fmt};

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

/// How long an axis with a name may be, as its model was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisRange {
    /// The smallest length.
    #[serde(default)]
    pub min: usize,
    /// The largest length; none where nothing is promised.
    #[serde(default)]
    pub max: Option<usize>,
    /// Lengths are multiples of this.
    #[serde(default)]
    pub multiple_of: usize,
}

impl AxisRange {
    /// Whether the axis may have this length.
    pub fn allows(&self, length: usize) -> bool {
        self.min <= length
            && self.max.is_none_or(|max| length <= max)
            && length.is_multiple_of(self.multiple_of.max(1))
    }
}

impl fmt::Display for AxisRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max {
            Some(max) => write!(f, "{} to {max}", self.min)?,
            None => write!(f, "at least {}", self.min)?,
        }
        if self.multiple_of > 1 {
            write!(f, " and a multiple of {}", self.multiple_of)?;
        }
        Ok(())
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
    /// The lengths for which the model was proved, by the axis' name; axes without an entry may
    /// have any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub axes: BTreeMap<String, AxisRange>,
}

impl ModelInfo {
    /// Why an input of this shape does not fit, where it does not. `lengths` are those of named axes
    /// in one run, so that all of its inputs are held against each other.
    pub fn misfit<'a>(
        &'a self,
        spec: &'a TensorSpec,
        shape: &[usize],
        lengths: &mut BTreeMap<&'a str, usize>,
    ) -> Option<String> {
        let expected = || format!("expected shape {}, got {shape:?}", spec.dims_text());
        if spec.dims.len() != shape.len() {
            return Some(expected());
        }
        spec.dims.iter().zip(shape).find_map(|(dim, &length)| {
            let name = match dim {
                Dim::Fixed(fixed) => return (length != *fixed).then(expected),
                Dim::Symbol(_) if length == 0 => return Some(expected()),
                Dim::Symbol(_) => dim.shared()?,
            };
            let known = *lengths.entry(name).or_insert(length);
            if known != length {
                return Some(format!("{}, where {name} is {known} already", expected()));
            }
            let range = self.axes.get(name).filter(|range| !range.allows(length))?;
            Some(format!("{}, and {name} must be {range}", expected()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misfit_names_the_axis_and_what_it_may_be() {
        let symbol = |name: &str| Dim::Symbol(name.into());
        let spec =
            |name: &str, dims: Vec<Dim>| TensorSpec { name: name.into(), dtype: DType::F32, dims };
        let range = AxisRange { min: 16, max: Some(64), multiple_of: 8 };
        let info = ModelInfo {
            model: "m".into(),
            backend: "b".into(),
            backend_version: "0".into(),
            inputs: vec![
                spec("x", vec![symbol("n"), Dim::Fixed(3), symbol("?")]),
                spec("y", vec![symbol("n")]),
            ],
            outputs: vec![],
            threads: 1,
            device: Device::Cpu,
            axes: [("n".to_owned(), range)].into(),
        };
        let misfit = |shape: &[usize]| info.misfit(&info.inputs[0], shape, &mut BTreeMap::new());
        for shape in [[16, 3, 1], [64, 3, 7], [24, 3, 1]] {
            assert_eq!(misfit(&shape), None);
        }
        for length in [8, 15, 17, 72, usize::MAX] {
            let reason = misfit(&[length, 3, 1]).unwrap();
            assert!(reason.ends_with("n must be 16 to 64 and a multiple of 8"), "{reason}");
        }
        for shape in [&[16, 3][..], &[16, 4, 1], &[0, 3, 1], &[16, 3, 0]] {
            assert_eq!(misfit(shape), Some(format!("expected shape [n, 3, ?], got {shape:?}")));
        }
        let mut lengths = BTreeMap::new();
        assert_eq!(info.misfit(&info.inputs[0], &[16, 3, 1], &mut lengths), None);
        let reason = info.misfit(&info.inputs[1], &[24], &mut lengths).unwrap();
        assert!(reason.ends_with("got [24], where n is 16 already"), "{reason}");
    }

    #[test]
    fn a_range_without_an_end_or_a_step_allows_all_from_its_beginning() {
        let range: AxisRange = serde_json::from_str(r#"{"min": 2, "example": 4}"#).unwrap();
        assert!(range.allows(2) && range.allows(usize::MAX) && !range.allows(1));
        assert_eq!(range.to_string(), "at least 2");
    }

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
