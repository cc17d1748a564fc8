use numpy::{
    Element, IntoPyArray, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use runner_core::{RunErrorKind, Tensor, f16, ndarray::ArrayD};

use crate::error::native_error;

/// Copies an array, whatever its strides, into a row-major tensor.
pub(crate) fn read(
    py: Python<'_>,
    model: &str,
    name: &str,
    array: &Bound<'_, PyAny>,
) -> PyResult<Tensor> {
    None.or_else(|| typed::<f32>(array))
        .or_else(|| typed::<f16>(array))
        .or_else(|| typed::<f64>(array))
        .or_else(|| typed::<i8>(array))
        .or_else(|| typed::<u8>(array))
        .or_else(|| typed::<i32>(array))
        .or_else(|| typed::<i64>(array))
        .or_else(|| typed::<bool>(array))
        .ok_or_else(|| {
            let got = array
                .cast::<PyUntypedArray>()
                .map_or_else(|_| "no NumPy array".to_owned(), |array| array.dtype().to_string());
            let message = format!("{model}: input {name:?}: got {got}, which no runner takes");
            native_error(py, RunErrorKind::DtypeMismatch.name(), &message)
        })
}

fn typed<T>(array: &Bound<'_, PyAny>) -> Option<Tensor>
where
    T: Element + Copy,
    Tensor: From<ArrayD<T>>,
{
    let array = array.cast::<PyArrayDyn<T>>().ok()?;
    let view = array.try_readonly().ok()?;
    Some(view.as_array().as_standard_layout().into_owned().into())
}

/// Hands a tensor's memory to a new array.
pub(crate) fn write(py: Python<'_>, tensor: Tensor) -> Bound<'_, PyAny> {
    match tensor {
        Tensor::F32(array) => array.into_pyarray(py).into_any(),
        Tensor::F16(array) => array.into_pyarray(py).into_any(),
        Tensor::F64(array) => array.into_pyarray(py).into_any(),
        Tensor::I8(array) => array.into_pyarray(py).into_any(),
        Tensor::U8(array) => array.into_pyarray(py).into_any(),
        Tensor::I32(array) => array.into_pyarray(py).into_any(),
        Tensor::I64(array) => array.into_pyarray(py).into_any(),
        Tensor::Bool(array) => array.into_pyarray(py).into_any(),
    }
}
