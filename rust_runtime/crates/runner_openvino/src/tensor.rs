use ndarray::{ArrayD, IxDyn};
use openvino_sys::ov_element_type_e as Element;
use runner_core::{DType, Tensor, TensorSpec};

use crate::native;

/// Whether values of this type cross without loss.
pub(crate) fn takes(dtype: DType) -> bool {
    dtype != DType::F64
}

/// OpenVINO's element types that are types of the contract.
const ELEMENTS: [(Element, DType); 8] = [
    (Element::F32, DType::F32),
    (Element::F16, DType::F16),
    (Element::F64, DType::F64),
    (Element::I8, DType::I8),
    (Element::U8, DType::U8),
    (Element::I32, DType::I32),
    (Element::I64, DType::I64),
    (Element::OV_BOOLEAN, DType::Bool),
];

/// The type of the contract for a number of OpenVINO's.
pub(crate) fn dtype_of(element: u32) -> Option<DType> {
    let known = ELEMENTS.iter().find(|(known, _)| *known as u32 == element);
    known.map(|&(_, dtype)| dtype)
}

/// An input and the engine's view of its memory.
pub(crate) struct Held {
    native: native::Tensor,
    /// Dropped after the view of it.
    _memory: Tensor,
}

impl Held {
    pub(crate) fn native(&self) -> &native::Tensor {
        &self.native
    }
}

/// Hands a tensor to the engine; only one in another order than row-major is copied.
///
/// # Errors
/// A value that OpenVINO's type cannot hold.
pub(crate) fn hold(tensor: Tensor) -> Result<Held, String> {
    match tensor {
        Tensor::F32(array) => view(Element::F32, array),
        Tensor::F16(array) => view(Element::F16, array),
        Tensor::I8(array) => view(Element::I8, array),
        Tensor::U8(array) => view(Element::U8, array),
        Tensor::I32(array) => view(Element::I32, array),
        Tensor::I64(array) => view(Element::I64, within_i32(array)?),
        Tensor::Bool(array) => view(Element::OV_BOOLEAN, array),
        Tensor::F64(_) => Err("OpenVINO computes f64 as f32".to_owned()),
    }
}

/// The plugin keeps the low 32 bits of an i64 and says nothing of the others.
fn within_i32(array: ArrayD<i64>) -> Result<ArrayD<i64>, String> {
    match array.iter().find(|&&value| i32::try_from(value).is_err()) {
        None => Ok(array),
        Some(value) => {
            let (least, most) = (i32::MIN, i32::MAX);
            Err(format!("{value} does not fit OpenVINO's 32-bit integers, {least} to {most}"))
        }
    }
}

fn view<T: Clone>(element: Element, array: ArrayD<T>) -> Result<Held, String>
where
    Tensor: From<ArrayD<T>>,
{
    let array =
        if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() };
    // SAFETY: the array is row-major, of that element type, and moves with its view; its elements
    // are on the heap and stay where they are.
    let native = unsafe { native::Tensor::over(element, array.shape(), array.as_ptr()) }?;
    Ok(Held { native, _memory: array.into() })
}

/// A copy of an output, which must be of the element type that the model declares.
///
/// # Errors
/// Another type, or OpenVINO's own reason.
pub(crate) fn copy_out(tensor: &native::Tensor, spec: &TensorSpec) -> Result<Tensor, String> {
    let named = |reason: String| format!("output {:?}: {reason}", spec.name);
    let element = tensor.element().map_err(named)?;
    if dtype_of(element) != Some(spec.dtype) {
        let got =
            dtype_of(element).map_or_else(|| format!("type {element}"), |got| got.to_string());
        return Err(named(format!("OpenVINO gave {got}, the model declares {}", spec.dtype)));
    }
    // SAFETY: the element type is the one asked for, as just checked.
    let copied = unsafe {
        match spec.dtype {
            DType::F32 => array::<f32>(tensor).map(Tensor::from),
            DType::F16 => array::<runner_core::f16>(tensor).map(Tensor::from),
            DType::F64 => array::<f64>(tensor).map(Tensor::from),
            DType::I8 => array::<i8>(tensor).map(Tensor::from),
            DType::U8 => array::<u8>(tensor).map(Tensor::from),
            DType::I32 => array::<i32>(tensor).map(Tensor::from),
            DType::I64 => array::<i64>(tensor).map(Tensor::from),
            // A byte other than 0 and 1 is no `bool`.
            DType::Bool => array::<u8>(tensor).map(|bytes| bytes.mapv(|byte| byte != 0).into()),
        }
    };
    copied.map_err(named)
}

/// # Safety
/// As [`native::Tensor::to_vec`].
unsafe fn array<T: Copy>(tensor: &native::Tensor) -> Result<ArrayD<T>, String> {
    let shape = tensor.shape()?;
    let elements = shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length));
    let elements = elements.ok_or_else(|| format!("shape {shape:?} is too large"))?;
    // SAFETY: the caller's promise.
    let values = unsafe { tensor.to_vec(elements) }?;
    ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_i64_that_the_plugin_would_cut_is_named() {
        let array = |value: i64| ArrayD::from_elem(IxDyn(&[2]), value);
        for value in [i64::from(i32::MIN), -1, i64::from(i32::MAX)] {
            assert_eq!(within_i32(array(value)).unwrap(), array(value));
        }
        for value in [i64::from(i32::MAX) + 1, i64::from(i32::MIN) - 1, i64::MAX] {
            assert!(within_i32(array(value)).unwrap_err().contains(&value.to_string()));
        }
    }

    #[test]
    fn every_type_of_the_contract_has_its_own_element_type() {
        for dtype in DType::ALL {
            let numbers = ELEMENTS.iter().filter(|&&(_, known)| known == dtype);
            let numbers: Vec<u32> = numbers.map(|&(element, _)| element as u32).collect();
            assert_eq!(numbers.len(), 1, "{dtype}");
            assert_eq!(dtype_of(numbers[0]), Some(dtype));
        }
        assert_eq!(dtype_of(Element::BF16 as u32), None);
        assert_eq!(dtype_of(9999), None);
    }
}
