//! The Python module `oxidizedvision_native`: it converts, and the engines' crates do the work.

mod arrays;
mod error;
mod prepare;
mod serve;

use std::{collections::BTreeMap, num::NonZero, sync::Arc};

use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict, PyList},
};
use runner_core::{
    Availability, Backend, DType, LoadErrorKind, ModelSource, NamedTensors, Runner, RunnerConfig,
};
use serde::Serialize;

use crate::error::{NativeError, invalid, load_error, native_error, run_error};

/// Every engine that has a name, each with its status and what it can do.
#[pyfunction]
fn backends(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let rows = runners::backends().iter().map(|row| describe(py, row));
    PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
}

fn describe<'py>(py: Python<'py>, row: &runners::Row) -> PyResult<Bound<'py, PyDict>> {
    let (status, version, hint) = match row.check() {
        Availability::Ready { version } => ("ready", version, String::new()),
        Availability::NotBuilt { hint } => ("not_built", String::new(), hint),
        Availability::Missing { hint } => ("missing", String::new(), hint),
    };
    let prepared_format = row.backend().and_then(Backend::prepared_format);
    let known = row.backend().map(Backend::capabilities);
    let dict = PyDict::new(py);
    dict.set_item("name", row.name)?;
    dict.set_item("status", status)?;
    dict.set_item("version", version)?;
    dict.set_item("hint", hint)?;
    let list = |items: Vec<String>| PyList::new(py, items);
    let known = known.as_ref();
    dict.set_item("formats", known.map_or_else(Vec::new, |known| known.formats.clone()))?;
    dict.set_item(
        "devices",
        list(known.map_or_else(Vec::new, |k| k.devices.iter().map(ToString::to_string).collect()))?,
    )?;
    dict.set_item(
        "dtypes",
        list(known.map_or_else(Vec::new, |k| k.dtypes.iter().map(DType::to_string).collect()))?,
    )?;
    dict.set_item(
        "precisions",
        list(
            known.map_or_else(Vec::new, |k| k.precisions.iter().map(ToString::to_string).collect()),
        )?,
    )?;
    dict.set_item("dynamic_dims", known.is_some_and(|known| known.dynamic_dims))?;
    dict.set_item("prepared_format", prepared_format)?;
    dict.set_item("from_bytes", known.is_some_and(|known| known.from_bytes))?;
    Ok(dict)
}

/// A model loaded by one engine; safe to call from many threads at once.
#[pyclass(frozen, module = "oxidizedvision_native")]
struct NativeRunner {
    runner: Box<dyn Runner>,
}

#[pymethods]
impl NativeRunner {
    #[new]
    #[pyo3(signature = (
        backend, model, *, name = "model", input_shapes = None, device = "cpu", threads = None,
        precision = "fp32", optimize = true, options = None,
    ))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of the Python constructor")]
    fn new(
        py: Python<'_>,
        backend: &str,
        model: &Bound<'_, PyAny>,
        name: &str,
        input_shapes: Option<BTreeMap<String, Vec<i64>>>,
        device: &str,
        threads: Option<i64>,
        precision: &str,
        optimize: bool,
        options: Option<BTreeMap<String, String>>,
    ) -> PyResult<Self> {
        let config =
            settings(py, model, name, input_shapes, device, threads, precision, optimize, options)?;
        let runner = py.detach(|| runners::load(backend, &config));
        Ok(Self { runner: runner.map_err(|error| load_error(py, &error))? })
    }

    /// What was loaded, in the JSON form of `ModelInfo`.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        from_json(py, self.runner.info())
    }

    /// Runs the model on arrays by input name and gives arrays by output name.
    fn run<'py>(
        &self,
        py: Python<'py>,
        inputs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let tensors = self.tensors(inputs)?;
        let outputs = py.detach(|| self.runner.run_named(tensors));
        let dict = PyDict::new(py);
        for (name, tensor) in outputs.map_err(|error| run_error(py, &error))? {
            dict.set_item(name, arrays::write(py, tensor))?;
        }
        Ok(dict)
    }

    /// What each node took in so many runs, in the JSON form of `NodeTime`; None where the engine
    /// cannot tell.
    fn profile<'py>(
        &self,
        py: Python<'py>,
        inputs: &Bound<'py, PyDict>,
        runs: NonZero<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let tensors = self.tensors(inputs)?;
        let nodes = py.detach(|| self.runner.profile_named(tensors, runs));
        from_json(py, &nodes.map_err(|error| run_error(py, &error))?)
    }

    fn __repr__(&self) -> String {
        let info = self.runner.info();
        format!("NativeRunner({:?}, {:?})", info.backend, info.model)
    }
}

impl NativeRunner {
    fn tensors(&self, inputs: &Bound<'_, PyDict>) -> PyResult<NamedTensors> {
        let model = &self.runner.info().model;
        let tensors = inputs.iter().map(|(name, array)| {
            let name: String = name.extract()?;
            let tensor = arrays::read(inputs.py(), model, &name, &array)?;
            Ok((name, tensor))
        });
        tensors.collect()
    }
}

/// What Python makes of the value's JSON form.
fn from_json<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let json = serde_json::to_string(value).map_err(|error| invalid(py, &error.to_string()))?;
    py.import("json")?.call_method1("loads", (json,))
}

/// The settings that Python gives.
#[allow(clippy::too_many_arguments, reason = "keyword arguments of Python functions")]
fn settings(
    py: Python<'_>,
    model: &Bound<'_, PyAny>,
    name: &str,
    input_shapes: Option<BTreeMap<String, Vec<i64>>>,
    device: &str,
    threads: Option<i64>,
    precision: &str,
    optimize: bool,
    options: Option<BTreeMap<String, String>>,
) -> PyResult<RunnerConfig> {
    Ok(RunnerConfig {
        source: source(model, name)?,
        input_shapes: lengths(py, input_shapes.unwrap_or_default())?,
        device: device.parse().map_err(|reason: String| invalid(py, &reason))?,
        threads: threads.map(|threads| usize::try_from(threads).unwrap_or(0)),
        precision: precision.parse().map_err(|reason: String| invalid(py, &reason))?,
        optimize,
        options: options.unwrap_or_default(),
    })
}

fn lengths(
    py: Python<'_>,
    shapes: BTreeMap<String, Vec<i64>>,
) -> PyResult<BTreeMap<String, Vec<usize>>> {
    let convert = |(name, shape): (String, Vec<i64>)| {
        let lengths = shape.iter().map(|&length| usize::try_from(length).ok());
        let lengths = lengths.collect::<Option<_>>().ok_or_else(|| {
            let message = format!("the shape {shape:?} for input {name:?} has a negative length");
            native_error(py, LoadErrorKind::ShapeMismatch.name(), &message)
        })?;
        Ok((name, lengths))
    };
    shapes.into_iter().map(convert).collect()
}

fn source(model: &Bound<'_, PyAny>, name: &str) -> PyResult<ModelSource> {
    if let Ok(bytes) = model.cast::<PyBytes>() {
        let bytes = Arc::from(bytes.as_bytes());
        return Ok(ModelSource::Bytes { name: name.to_owned(), bytes });
    }
    Ok(ModelSource::Path(model.extract()?))
}

#[pymodule]
fn oxidizedvision_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    fill(module)
}

/// Puts everything into a module; which engines that is, the Cargo features decide.
///
/// # Errors
/// Whatever Python raises.
pub fn fill(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("NativeError", module.py().get_type::<NativeError>())?;
    module.add_class::<NativeRunner>()?;
    module.add_function(wrap_pyfunction!(prepare::prepare, module)?)?;
    module.add_function(wrap_pyfunction!(serve::serve, module)?)?;
    module.add_function(wrap_pyfunction!(backends, module)?)
}
