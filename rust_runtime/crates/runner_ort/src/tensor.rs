use std::fmt::Debug;

use ort::value::{
    DynTensorValueType, DynValue, DynValueRef, PrimitiveTensorElementType, Tensor as OrtTensor,
    TensorElementType,
};
use runner_core::{
    DType, Tensor, TensorSpec, f16,
    ndarray::{ArrayD, IxDyn},
};

/// The contract's name of an element type, where it has one.
pub(crate) fn dtype_of(element: TensorElementType) -> Option<DType> {
    Some(match element {
        TensorElementType::Float32 => DType::F32,
        TensorElementType::Float16 => DType::F16,
        TensorElementType::Float64 => DType::F64,
        TensorElementType::Int8 => DType::I8,
        TensorElementType::Uint8 => DType::U8,
        TensorElementType::Int32 => DType::I32,
        TensorElementType::Int64 => DType::I64,
        TensorElementType::Bool => DType::Bool,
        _ => return None,
    })
}

/// Hands the buffer over; only an array in another order than row-major is copied.
pub(crate) fn into_ort(tensor: Tensor) -> ort::Result<DynValue> {
    match tensor {
        Tensor::F32(array) => value_of(array),
        Tensor::F16(array) => value_of(array),
        Tensor::F64(array) => value_of(array),
        Tensor::I8(array) => value_of(array),
        Tensor::U8(array) => value_of(array),
        Tensor::I32(array) => value_of(array),
        Tensor::I64(array) => value_of(array),
        Tensor::Bool(array) => value_of(array),
    }
}

fn value_of<T>(array: ArrayD<T>) -> ort::Result<DynValue>
where
    T: PrimitiveTensorElementType + Clone + Debug + 'static,
{
    OrtTensor::from_array(array).map(OrtTensor::into_dyn)
}

/// A copy of the output, as the element type that the model declares.
pub(crate) fn from_ort(value: &DynValue, spec: &TensorSpec) -> Result<Tensor, String> {
    let tensor = match spec.dtype {
        DType::F32 => copy_of::<f32>(value),
        DType::F16 => copy_of::<f16>(value),
        DType::F64 => copy_of::<f64>(value),
        DType::I8 => copy_of::<i8>(value),
        DType::U8 => copy_of::<u8>(value),
        DType::I32 => copy_of::<i32>(value),
        DType::I64 => copy_of::<i64>(value),
        DType::Bool => copy_of_bools(value),
    };
    tensor.map_err(|reason| format!("output {:?}: {reason}", spec.name))
}

fn copy_of<T: PrimitiveTensorElementType + Clone>(value: &DynValue) -> Result<Tensor, String>
where
    Tensor: From<ArrayD<T>>,
{
    let view = value.try_extract_array::<T>().map_err(|error| error.to_string())?;
    Ok(view.to_owned().into())
}

/// Reads the bytes as numbers: one that is neither 0 nor 1, which a model's file may hold, is no
/// value of Rust's `bool`.
fn copy_of_bools(value: &DynValue) -> Result<Tensor, String> {
    let view: DynValueRef<'_> = value.view();
    let tensor = view.downcast::<DynTensorValueType>().map_err(|error| error.to_string())?;
    if *tensor.data_type() != TensorElementType::Bool || !tensor.memory_info().is_cpu_accessible() {
        return Err(format!("ONNX Runtime gave {}, the model declares bool", tensor.dtype()));
    }
    let dims = tensor.shape().iter().map(|&length| usize::try_from(length).unwrap_or(0));
    let dims = IxDyn(&dims.collect::<Vec<_>>());
    let bytes = tensor.data_ptr().cast::<u8>();
    let values = if bytes.is_null() {
        Vec::new()
    } else {
        // SAFETY: the tensor is of one-byte elements in memory that the CPU reaches, has this many
        // of them, and lives until the copy is made.
        let bytes = unsafe { std::slice::from_raw_parts(bytes, tensor.shape().num_elements()) };
        bytes.iter().map(|&byte| byte != 0).collect()
    };
    ArrayD::from_shape_vec(dims, values).map(Tensor::from).map_err(|error| error.to_string())
}
