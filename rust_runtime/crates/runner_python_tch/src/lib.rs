//! The Python module `oxidizedvision_native_tch`: `oxidizedvision_native` with LibTorch alone.
//!
//! It is a module of its own because it is linked to LibTorch: the other engines load where there
//! is no torch, and their memory is not LibTorch's.

use pyo3::prelude::*;

#[pymodule]
fn oxidizedvision_native_tch(module: &Bound<'_, PyModule>) -> PyResult<()> {
    oxidizedvision_native::fill(module)
}
