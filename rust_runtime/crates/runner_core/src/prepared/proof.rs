//! What the engine reads from a prepared file is the model that it was given.

use std::path::Path;

use ndarray::{ArrayD, IxDyn};

use crate::{
    Backend, DType, Dim, LoadError, LoadErrorKind, ModelInfo, NamedTensors, RunError, RunnerConfig,
    Tensor, TensorSpec, f16,
};

/// Largest difference that passes, relative to the largest value: engines may fuse differently.
const TOLERANCE: f64 = 1e-3;
/// A length for axes that may have any.
const ANY_LENGTH: usize = 16;
/// Inputs with more elements than this are not run: a proof must not take all memory.
const MOST_ELEMENTS: usize = 1 << 24;

/// Loads the prepared file and compares it with the unprepared model: names, types and axes, and
/// the answers to one made-up input where the unprepared model answers it.
pub(super) fn prove(
    backend: &dyn Backend,
    config: &RunnerConfig,
    out: &Path,
) -> Result<(), LoadError> {
    let name = config.source.name();
    let differs = |what: String| {
        let message = format!("{} cannot keep this model prepared: {what}", backend.name());
        LoadError::new(LoadErrorKind::Unsupported, &name, message)
    };
    let given = RunnerConfig { threads: Some(1), ..config.clone() };
    let prepared = RunnerConfig { threads: Some(1), ..RunnerConfig::from_path(out) };
    let prepared = backend
        .load(&prepared)
        .map_err(|error| differs(format!("it does not load again: {error}")).with_source(error))?;
    let given = backend.load(&given)?;
    same_specs(given.info(), prepared.info()).map_err(differs)?;
    let Some(inputs) = made_up(given.info()) else { return Ok(()) };
    // A length of our choice need not suit the network.
    let Ok(expected) = given.run_named(inputs.clone()) else { return Ok(()) };
    drop(given);
    same_answers(&expected, &prepared.run_named(inputs)).map_err(differs)
}

fn same_specs(given: &ModelInfo, prepared: &ModelInfo) -> Result<(), String> {
    let text = |specs: &[TensorSpec]| {
        let spec = |spec: &TensorSpec| format!("{} {} {}", spec.name, spec.dtype, spec.dims_text());
        specs.iter().map(spec).collect::<Vec<_>>().join(", ")
    };
    for (given, prepared) in
        [(&given.inputs, &prepared.inputs), (&given.outputs, &prepared.outputs)]
    {
        if given != prepared {
            return Err(format!("{} becomes {}", text(given), text(prepared)));
        }
    }
    Ok(())
}

/// Inputs that are the same every time; `None` for those that are too large.
fn made_up(info: &ModelInfo) -> Option<NamedTensors> {
    info.inputs.iter().map(|spec| Some((spec.name.clone(), tensor_of(spec)?))).collect()
}

fn tensor_of(spec: &TensorSpec) -> Option<Tensor> {
    let length = |dim: &Dim| match dim {
        Dim::Fixed(length) => *length,
        Dim::Symbol(_) => ANY_LENGTH,
    };
    let shape: Vec<usize> = spec.dims.iter().map(length).collect();
    let elements = shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim))?;
    if elements > MOST_ELEMENTS {
        return None;
    }
    // A wave of about ten elements; whole numbers are 0 or 1, which any table takes.
    let wave = |index: usize| (index as f32 * 0.61).sin();
    let whole = |index: usize| usize::from(wave(index) > 0.0) as i8;
    Some(match spec.dtype {
        DType::F32 => array(&shape, wave).into(),
        DType::F16 => array(&shape, |index| f16::from_f32(wave(index))).into(),
        DType::F64 => array(&shape, |index| f64::from(wave(index))).into(),
        DType::I8 => array(&shape, whole).into(),
        DType::U8 => array(&shape, |index| whole(index).cast_unsigned()).into(),
        DType::I32 => array(&shape, |index| i32::from(whole(index))).into(),
        DType::I64 => array(&shape, |index| i64::from(whole(index))).into(),
        DType::Bool => array(&shape, |index| whole(index) == 1).into(),
    })
}

fn array<T>(shape: &[usize], value: impl Fn(usize) -> T) -> ArrayD<T> {
    let mut index = 0..;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || value(index.next().unwrap_or(0)))
}

fn same_answers(
    expected: &NamedTensors,
    got: &Result<NamedTensors, RunError>,
) -> Result<(), String> {
    let got = got.as_ref().map_err(|error| format!("it does not run: {error}"))?;
    for ((name, expected), (_, got)) in expected.iter().zip(got) {
        if expected.shape() != got.shape() {
            return Err(format!(
                "output {name:?} is {:?}, was {:?}",
                got.shape(),
                expected.shape()
            ));
        }
        let (expected, got) = (values(expected), values(got));
        let largest = expected.iter().filter(|value| value.is_finite());
        let largest = largest.fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let close = |(a, b): (&f64, &f64)| {
            a.to_bits() == b.to_bits()
                || (a.is_nan() && b.is_nan())
                || (a - b).abs() <= TOLERANCE * largest
        };
        if !expected.iter().zip(&got).all(close) {
            return Err(format!("output {name:?} has other values"));
        }
    }
    Ok(())
}

fn values(tensor: &Tensor) -> Vec<f64> {
    match tensor {
        Tensor::F32(array) => array.iter().map(|&value| value.into()).collect(),
        Tensor::F16(array) => array.iter().map(|&value| value.into()).collect(),
        Tensor::F64(array) => array.iter().copied().collect(),
        Tensor::I8(array) => array.iter().map(|&value| value.into()).collect(),
        Tensor::U8(array) => array.iter().map(|&value| value.into()).collect(),
        Tensor::I32(array) => array.iter().map(|&value| value.into()).collect(),
        Tensor::I64(array) => array.iter().map(|&value| value as f64).collect(),
        Tensor::Bool(array) => array.iter().map(|&value| f64::from(u8::from(value))).collect(),
    }
}
