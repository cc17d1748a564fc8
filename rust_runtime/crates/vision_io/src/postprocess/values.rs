//! A model's outputs, looked up and read as numbers of one kind.

use ndarray::{ArrayD, CowArray, IxDyn};
use runner_core::{NamedTensors, Tensor};

use crate::{VisionError, VisionErrorKind, contract::invalid};

/// The output of a model that has one.
pub(super) fn only(outputs: &NamedTensors) -> Result<&Tensor, VisionError> {
    if let [(_, tensor)] = &outputs[..] {
        return Ok(tensor);
    }
    let message = format!(
        "the model gives {} outputs: {}; this kind of postprocess reads one",
        outputs.len(),
        names(outputs)
    );
    Err(VisionError::new(VisionErrorKind::ShapeMismatch, message))
}

/// The output that `postprocess.<key>` names.
pub(super) fn named<'a>(
    outputs: &'a NamedTensors,
    name: &str,
    key: &str,
) -> Result<&'a Tensor, VisionError> {
    let found = outputs.iter().find(|(own, _)| own == name).map(|(_, tensor)| tensor);
    let names = names(outputs);
    found.ok_or_else(|| invalid(format!("postprocess.{key} is {name}; the model gives {names}")))
}

fn names(outputs: &NamedTensors) -> String {
    outputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The numbers in single precision; a tensor of `f32` is not copied.
pub(super) fn single(tensor: &Tensor) -> CowArray<'_, f32, IxDyn> {
    match tensor {
        Tensor::F32(array) => array.view().into(),
        other => double(other).mapv(|value| value as f32).into(),
    }
}

/// The numbers in double precision.
pub(super) fn double(tensor: &Tensor) -> ArrayD<f64> {
    match tensor {
        Tensor::F32(array) => array.mapv(f64::from),
        Tensor::F16(array) => array.mapv(f64::from),
        Tensor::F64(array) => array.clone(),
        Tensor::I8(array) => array.mapv(f64::from),
        Tensor::U8(array) => array.mapv(f64::from),
        Tensor::I32(array) => array.mapv(f64::from),
        Tensor::I64(array) => array.mapv(|value| value as f64),
        Tensor::Bool(array) => array.mapv(|value| f64::from(u8::from(value))),
    }
}

/// Refuses NaN and infinity.
pub(super) fn check_finite<'a>(
    values: impl IntoIterator<Item = &'a f64>,
    reason: &str,
) -> Result<(), VisionError> {
    if values.into_iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(not_finite(reason))
}

pub(super) fn not_finite(reason: &str) -> VisionError {
    let message = format!("the model's output holds NaN or infinity, {reason}");
    VisionError::new(VisionErrorKind::NotFinite, message)
}

/// The error for an output of other axes than `wanted` says.
pub(super) fn mismatch(wanted: impl AsRef<str>, shape: &[usize]) -> VisionError {
    let message = format!("{}, the output is {shape:?}", wanted.as_ref());
    VisionError::new(VisionErrorKind::ShapeMismatch, message)
}

/// Refuses labels of another number than the output has classes.
pub(super) fn check_labels(labels: Option<&[String]>, classes: usize) -> Result<(), VisionError> {
    match labels {
        Some(labels) if labels.len() != classes => {
            let message = format!(
                "the output scores {classes} classes, postprocess.labels names {}",
                labels.len()
            );
            Err(VisionError::new(VisionErrorKind::ShapeMismatch, message))
        }
        _ => Ok(()),
    }
}
