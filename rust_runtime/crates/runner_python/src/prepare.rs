use std::{collections::BTreeMap, path::PathBuf};

use pyo3::prelude::*;

use crate::{error::load_error, settings};

/// Writes a model in the form that an engine loads soonest or in the least memory, and gives the
/// file's length.
#[pyfunction]
#[pyo3(signature = (
    backend, model, out, *, name = "model", input_shapes = None, device = "cpu", threads = None,
    precision = "fp32", optimize = true, options = None,
))]
#[allow(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "arguments of the Python function, as PyO3 gives them"
)]
pub(crate) fn prepare(
    py: Python<'_>,
    backend: &str,
    model: &Bound<'_, PyAny>,
    out: PathBuf,
    name: &str,
    input_shapes: Option<BTreeMap<String, Vec<i64>>>,
    device: &str,
    threads: Option<i64>,
    precision: &str,
    optimize: bool,
    options: Option<BTreeMap<String, String>>,
) -> PyResult<u64> {
    let config =
        settings(py, model, name, input_shapes, device, threads, precision, optimize, options)?;
    let prepared =
        py.detach(|| runners::backend(backend).and_then(|engine| engine.prepare(&config, &out)));
    prepared.map(|prepared| prepared.bytes).map_err(|error| load_error(py, &error))
}
