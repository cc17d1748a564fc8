use std::{fs, path::Path};

use ndarray::{ArrayD, IxDyn};
use runner_core::{DType, Tensor, f16};

use crate::{Errors, stage::Stage};

/// The element type of a binding: 8.6 makes 32-bit integers of 64-bit ones.
pub(crate) fn bound(stage: &Stage, dtype: DType) -> DType {
    if stage.major() == 8 && dtype == DType::I64 { DType::I32 } else { dtype }
}

/// The word for an element type in the names of raw files.
pub(crate) fn label(stage: &Stage, dtype: DType) -> &'static str {
    let (old, new) = match dtype {
        DType::F32 => ("Float", "fp32"),
        DType::F16 => ("Half", "fp16"),
        DType::I8 => ("Int8", "int8"),
        DType::U8 => ("UInt8", "uint8"),
        DType::I32 => ("Int32", "int32"),
        DType::I64 => ("Int64", "int64"),
        DType::Bool => ("Bool", "bool"),
        DType::F64 => unreachable!("TensorRT has no f64"),
    };
    if stage.major() == 8 { old } else { new }
}

/// As `loadFromFile`: the file must have the size of the binding.
pub(crate) fn load(
    file: &Path,
    declared: DType,
    bound: DType,
    shape: &[usize],
) -> Result<Tensor, Errors> {
    let bytes =
        fs::read(file).map_err(|_| vec![format!("Cannot open file {}!", file.display())])?;
    let size = shape.iter().product::<usize>() * size_of(bound);
    if bytes.len() != size {
        return Err(vec![format!(
            "Unexpected file size for input file: {}. Note: Input binding size is: {size} bytes \
             but the file size is {} bytes. Double check the size and datatype of the provided \
             data.",
            file.display(),
            bytes.len()
        )]);
    }
    Ok(match (bound, declared) {
        (DType::I32, DType::I64) => array(&bytes, shape, |it| i64::from(i32::from_le_bytes(it))),
        (DType::F32, _) => array(&bytes, shape, f32::from_le_bytes),
        (DType::F16, _) => array(&bytes, shape, f16::from_le_bytes),
        (DType::I8, _) => array(&bytes, shape, i8::from_le_bytes),
        (DType::U8, _) => array(&bytes, shape, u8::from_le_bytes),
        (DType::I32, _) => array(&bytes, shape, i32::from_le_bytes),
        (DType::I64, _) => array(&bytes, shape, i64::from_le_bytes),
        (DType::Bool, _) => array(&bytes, shape, |[byte]: [u8; 1]| byte != 0),
        (DType::F64, _) => unreachable!("TensorRT has no f64"),
    })
}

fn size_of(dtype: DType) -> usize {
    match dtype {
        DType::I8 | DType::U8 | DType::Bool => 1,
        DType::F16 => 2,
        DType::F32 | DType::I32 => 4,
        DType::I64 | DType::F64 => 8,
    }
}

fn array<T, const N: usize>(bytes: &[u8], shape: &[usize], read: impl Fn([u8; N]) -> T) -> Tensor
where
    Tensor: From<ArrayD<T>>,
{
    let values = bytes.as_chunks::<N>().0.iter().map(|&bytes| read(bytes)).collect();
    ArrayD::from_shape_vec(IxDyn(shape), values).expect("the size was checked").into()
}

/// The raw bytes of an output in its binding.
pub(crate) fn raw(tensor: &Tensor, bound: DType) -> Vec<u8> {
    fn all<T: Copy, const N: usize>(array: &ArrayD<T>, bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
        array.iter().flat_map(|&value| bytes(value)).collect()
    }
    match tensor {
        Tensor::I64(array) if bound == DType::I32 => all(array, |it| (it as i32).to_le_bytes()),
        Tensor::F32(array) => all(array, f32::to_le_bytes),
        Tensor::F16(array) => all(array, f16::to_le_bytes),
        Tensor::I8(array) => all(array, i8::to_le_bytes),
        Tensor::U8(array) => all(array, u8::to_le_bytes),
        Tensor::I32(array) => all(array, i32::to_le_bytes),
        Tensor::I64(array) => all(array, i64::to_le_bytes),
        Tensor::Bool(array) => all(array, |it| [u8::from(it)]),
        Tensor::F64(_) => unreachable!("TensorRT has no f64"),
    }
}
