use std::{collections::BTreeMap, path::Path};

use runner_core::{DType, NamedTensors, Tensor};
use safetensors::{SafeTensors, tensor::TensorView};

use crate::{Outcome, ensure, read};

/// Inputs, and what PyTorch makes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenCase {
    /// `random-0`, `random-1`, …
    pub name: String,
    /// By name, in the order of their names.
    pub inputs: NamedTensors,
    /// By name, in the order of their names.
    pub outputs: NamedTensors,
}

/// Reads a golden file.
///
/// # Errors
/// What is wrong with the file, in words.
pub fn golden_cases(path: &Path) -> Result<Vec<GoldenCase>, String> {
    let bytes = read(path)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| error.to_string())?;
    let mut cases = BTreeMap::new();
    for (name, view) in tensors.iter() {
        let parts: Vec<&str> = name.splitn(3, '/').collect();
        let &[case, side, tensor] = parts.as_slice() else {
            return Err(format!("{name:?} is not case/side/tensor"));
        };
        let entry = cases.entry(case.to_owned()).or_insert_with(|| GoldenCase {
            name: case.to_owned(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        });
        let side = if side == "input" { &mut entry.inputs } else { &mut entry.outputs };
        side.push((tensor.to_owned(), tensor_of(&view)?));
    }
    let sorted = |mut case: GoldenCase| {
        case.inputs.sort_by(|a, b| a.0.cmp(&b.0));
        case.outputs.sort_by(|a, b| a.0.cmp(&b.0));
        case
    };
    Ok(cases.into_values().map(sorted).collect())
}

fn tensor_of(view: &TensorView<'_>) -> Result<Tensor, String> {
    let stored = view.dtype().to_string();
    let dtype = DType::ALL.into_iter().find(|dtype| dtype.name().eq_ignore_ascii_case(&stored));
    let tensor = dtype.and_then(|dtype| Tensor::from_le_bytes(dtype, view.shape(), view.data()));
    tensor.ok_or_else(|| format!("goldens hold no {stored}"))
}

/// Compares named outputs with the expected ones, in any order of the expected.
pub(crate) fn compare(outputs: &NamedTensors, expected: &NamedTensors, tolerance: f64) -> Outcome {
    ensure(outputs.len() == expected.len(), || format!("{} outputs", outputs.len()))?;
    for (name, expected) in expected {
        let output = outputs.iter().find(|(output, _)| output == name);
        let (_, output) = output.ok_or_else(|| format!("no output {name:?}"))?;
        let off = difference(output, expected).map_err(|reason| format!("{name:?} {reason}"))?;
        // Half precision rounds its result even where the engine computes in single precision.
        let allowed = if matches!(expected, Tensor::F16(_)) { 1e-3 } else { tolerance };
        ensure(off <= allowed, || format!("{name:?} is off by {off:e}, allowed {allowed:e}"))?;
    }
    Ok(())
}

/// The largest difference relative to the largest expected value; 0 or infinity for integers and
/// booleans, infinity where one side alone is not a number.
///
/// # Errors
/// Element type or shape are not the expected ones.
pub fn difference(got: &Tensor, expected: &Tensor) -> Result<f64, String> {
    if (got.dtype(), got.shape()) != (expected.dtype(), expected.shape()) {
        let of = |tensor: &Tensor| format!("{} {:?}", tensor.dtype(), tensor.shape());
        return Err(format!("is {}, expected {}", of(got), of(expected)));
    }
    let (Some(got_values), Some(expected_values)) = (floats(got), floats(expected)) else {
        return Ok(if got == expected { 0.0 } else { f64::INFINITY });
    };
    let largest = expected_values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let pairs = got_values.iter().zip(&expected_values);
    let worst = pairs.fold(0.0_f64, |worst, (&got, &expected)| worst.max(distance(got, expected)));
    Ok(worst / largest.max(f64::MIN_POSITIVE))
}

fn distance(got: f64, expected: f64) -> f64 {
    match (got.is_nan(), expected.is_nan()) {
        (true, true) => 0.0,
        (false, false) if got.to_bits() == expected.to_bits() => 0.0,
        (false, false) => (got - expected).abs(),
        _ => f64::INFINITY,
    }
}

fn floats(tensor: &Tensor) -> Option<Vec<f64>> {
    match tensor {
        Tensor::F32(array) => Some(array.iter().copied().map(f64::from).collect()),
        Tensor::F16(array) => Some(array.iter().copied().map(f64::from).collect()),
        Tensor::F64(array) => Some(array.iter().copied().collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use runner_core::ndarray::{ArrayD, IxDyn};

    use super::*;

    fn floats_of(values: &[f32]) -> Tensor {
        ArrayD::from_shape_vec(IxDyn(&[values.len()]), values.to_vec()).unwrap().into()
    }

    #[test]
    fn differences_are_relative_and_nan_never_passes() {
        let expected = floats_of(&[1.0, -4.0]);
        assert_eq!(difference(&floats_of(&[1.0, -4.0]), &expected), Ok(0.0));
        assert_eq!(difference(&floats_of(&[2.0, -4.0]), &expected), Ok(0.25));
        assert_eq!(difference(&floats_of(&[f32::NAN, -4.0]), &expected), Ok(f64::INFINITY));
        assert!(difference(&floats_of(&[1.0]), &expected).is_err());
    }

    #[test]
    fn an_output_that_is_missing_or_renamed_is_told() {
        let outputs = |name: &str| vec![(name.to_owned(), floats_of(&[1.0]))];
        assert!(compare(&outputs("y"), &outputs("y"), 0.0).is_ok());
        assert!(compare(&outputs("z"), &outputs("y"), 0.0).is_err());
        assert!(compare(&Vec::new(), &outputs("y"), 0.0).is_err());
    }
}
