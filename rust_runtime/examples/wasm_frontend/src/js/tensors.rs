use js_sys::{
    Array, BigInt64Array, Float32Array, Float64Array, Int8Array, Int32Array, Object, Reflect,
    Uint8Array, Uint16Array,
};
use ndarray::ArrayD;
use runner_core::{DType, NamedTensors, Tensor, f16};
use wasm_bindgen::{JsCast, JsValue};

use super::object::object;
use crate::Fault;

/// A tensor with its name.
pub(super) fn read(tensor: JsValue) -> Result<(String, Tensor), Fault> {
    let field = |name: &str| Reflect::get(&tensor, &name.into()).unwrap_or(JsValue::UNDEFINED);
    let name = field("name").as_string().ok_or_else(|| malformed("a tensor has no name"))?;
    let wrong = |what: &str| malformed(&format!("tensor {name:?} {what}"));
    let dtype = field("dtype").as_string().unwrap_or_default();
    let dtype = DType::ALL.into_iter().find(|known| known.name() == dtype);
    let dtype = dtype.ok_or_else(|| wrong("has a dtype that is none"))?;
    let shape = field("shape").dyn_into::<Array>().map_err(|_| wrong("has no shape"))?;
    let shape = shape.iter().map(|length| axis(&length)).collect::<Option<Vec<_>>>();
    let shape = shape.ok_or_else(|| wrong("has a shape that is no list of lengths"))?;
    let bytes = bytes_of(&field("data"), dtype)
        .ok_or_else(|| wrong(&format!("is {dtype} and its data no {}", array_of(dtype))))?;
    let values = bytes.len() / dtype.size();
    match Tensor::from_le_bytes(dtype, &shape, &bytes) {
        Some(tensor) => Ok((name, tensor)),
        None => Err(Fault::new(
            "shape_mismatch",
            format!("tensor {name:?} has {values} values, which do not fill {shape:?}"),
            "Give as many values as the product of the shape.",
        )),
    }
}

fn malformed(message: &str) -> Fault {
    Fault::new("input", message, "A tensor is { name, dtype, shape, data }.")
}

fn axis(length: &JsValue) -> Option<usize> {
    let length = length.as_f64()?;
    let whole = length as usize;
    (whole as f64 == length).then_some(whole)
}

/// The array that values of a type come in.
fn array_of(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "Float32Array",
        DType::F64 => "Float64Array",
        DType::F16 => "Uint16Array",
        DType::I64 => "BigInt64Array",
        DType::I32 => "Int32Array",
        DType::I8 => "Int8Array",
        DType::U8 | DType::Bool => "Uint8Array",
    }
}

/// The bytes under an array of the right kind.
fn bytes_of(data: &JsValue, dtype: DType) -> Option<Vec<u8>> {
    let array: &Object = data.dyn_ref()?;
    let kind = Reflect::get(&array.constructor(), &"name".into()).ok()?.as_string()?;
    if kind != array_of(dtype) {
        return None;
    }
    let number = |name: &str| Some(Reflect::get(array, &name.into()).ok()?.as_f64()? as u32);
    let buffer = Reflect::get(array, &"buffer".into()).ok()?;
    let (start, length) = (number("byteOffset")?, number("byteLength")?);
    Some(Uint8Array::new_with_byte_offset_and_length(&buffer, start, length).to_vec())
}

pub(super) fn written(tensors: &NamedTensors) -> Array {
    let one = |(name, tensor): &(String, Tensor)| {
        let lengths = tensor.shape().iter();
        let shape: Array = lengths.map(|&length| JsValue::from(length as u32)).collect();
        object(&[
            ("name", name.into()),
            ("dtype", tensor.dtype().name().into()),
            ("shape", shape.into()),
            ("data", data_of(tensor)),
        ])
    };
    tensors.iter().map(one).collect()
}

fn data_of(tensor: &Tensor) -> JsValue {
    match tensor {
        Tensor::F32(array) => copied(array, |values| Float32Array::from(values)),
        Tensor::F64(array) => copied(array, |values| Float64Array::from(values)),
        Tensor::I64(array) => copied(array, |values| BigInt64Array::from(values)),
        Tensor::I32(array) => copied(array, |values| Int32Array::from(values)),
        Tensor::I8(array) => copied(array, |values| Int8Array::from(values)),
        Tensor::U8(array) => copied(array, |values| Uint8Array::from(values)),
        Tensor::F16(array) => copied(&array.mapv(f16::to_bits), |values| Uint16Array::from(values)),
        Tensor::Bool(array) => copied(&array.mapv(u8::from), |values| Uint8Array::from(values)),
    }
}

fn copied<T: Clone, A: Into<JsValue>>(array: &ArrayD<T>, copy: impl Fn(&[T]) -> A) -> JsValue {
    let rows = array.as_standard_layout();
    copy(rows.as_slice().unwrap_or_default()).into()
}
