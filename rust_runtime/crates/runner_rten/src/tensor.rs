use rten::Value;
use rten_tensor::{Layout, Tensor as RtenTensor};
use runner_core::{
    DType, Tensor, TensorSpec, f16,
    ndarray::{ArrayD, IxDyn},
};

/// Whether values of this type cross without loss.
pub(crate) fn takes(dtype: DType) -> bool {
    dtype != DType::F64
}

/// # Errors
/// A value that rten's type cannot hold.
pub(crate) fn into_rten(tensor: Tensor) -> Result<Value, String> {
    Ok(match tensor {
        Tensor::F32(array) => move_in(array).into(),
        Tensor::I32(array) => move_in(array).into(),
        Tensor::I8(array) => move_in(array).into(),
        Tensor::U8(array) => move_in(array).into(),
        Tensor::F16(array) => move_in(array.mapv(f32::from)).into(),
        Tensor::Bool(array) => move_in(array.mapv(i32::from)).into(),
        Tensor::I64(array) => move_in(narrow(&array)?).into(),
        Tensor::F64(_) => return Err("rten has no f64".to_owned()),
    })
}

fn narrow(array: &ArrayD<i64>) -> Result<ArrayD<i32>, String> {
    let beyond = array.iter().find(|&&value| i32::try_from(value).is_err());
    match beyond {
        None => Ok(array.mapv(|value| value as i32)),
        Some(value) => {
            let (least, most) = (i32::MIN, i32::MAX);
            Err(format!("{value} does not fit rten's 32-bit integers, {least} to {most}"))
        }
    }
}

/// Hands the buffer over; only an array in another order than row-major is copied.
fn move_in<T: Clone>(array: ArrayD<T>) -> RtenTensor<T> {
    let shape = array.shape().to_vec();
    let elements = array.len();
    if !array.is_standard_layout() {
        return RtenTensor::from_data(&shape, array.iter().cloned().collect::<Vec<_>>());
    }
    let (mut buffer, offset) = array.into_raw_vec_and_offset();
    buffer.drain(..offset.unwrap_or(0));
    buffer.truncate(elements);
    RtenTensor::from_data(&shape, buffer)
}

/// The output as the element type that the model declares.
pub(crate) fn from_rten(value: Value, spec: &TensorSpec) -> Result<Tensor, String> {
    let got = value.dtype();
    let tensor = match (value, spec.dtype) {
        (Value::FloatTensor(tensor), DType::F32) => Ok(move_out(tensor)?.into()),
        (Value::FloatTensor(tensor), DType::F16) => {
            Ok(move_out(tensor)?.mapv(f16::from_f32).into())
        }
        (Value::Int32Tensor(tensor), DType::I32) => Ok(move_out(tensor)?.into()),
        (Value::Int32Tensor(tensor), DType::I64) => Ok(move_out(tensor)?.mapv(i64::from).into()),
        (Value::Int32Tensor(tensor), DType::Bool) => {
            Ok(move_out(tensor)?.mapv(|value| value != 0).into())
        }
        (Value::Int8Tensor(tensor), DType::I8) => Ok(move_out(tensor)?.into()),
        (Value::UInt8Tensor(tensor), DType::U8) => Ok(move_out(tensor)?.into()),
        _ => Err(format!("rten gave {got}, the model declares {}", spec.dtype)),
    };
    tensor.map_err(|reason| format!("output {:?}: {reason}", spec.name))
}

fn move_out<T: Clone>(tensor: RtenTensor<T>) -> Result<ArrayD<T>, String> {
    let shape = tensor.shape().to_vec();
    ArrayD::from_shape_vec(IxDyn(&shape), tensor.into_data()).map_err(|error| error.to_string())
}
