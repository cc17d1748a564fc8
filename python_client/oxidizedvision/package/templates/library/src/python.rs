//! The library for Python, which `maturin build` makes a wheel of.
use numpy::{Element, IntoPyArray, PyArrayDyn, PyArrayMethods};
use pyo3::{
    create_exception,
    exceptions::PyException,
    prelude::*,
    types::PyDict,
};
use vision_library::{Error, NamedTensors, Options, @{python_imports}Session, runner_core::Tensor@{python_file_of}};

use crate::{CARRIED, default_threads, ndarray::ArrayD};

create_exception!(@{lib}, ModelError, PyException, "Why a model did not load or run.");

fn told(error: &Error) -> PyErr {
    let hint = error.hint().map_or_else(String::new, |hint| format!(" {hint}"));
    ModelError::new_err(format!("{}: {error}{hint}", error.kind()))
}

/// The loaded model. Several threads may run it at the same time.
#[pyclass(frozen, module = "@{lib}")]
struct Model {
    session: Session,
}

#[pymethods]
impl Model {
    /// Loads the model; without a number of threads the library chooses one.
    #[new]
    #[pyo3(signature = (threads=None))]
    fn new(py: Python<'_>, threads: Option<std::num::NonZeroUsize>) -> PyResult<Self> {
        let options = Options { threads: threads.or_else(default_threads), ..Options::default() };
        let session = py.detach(|| Session::load(CARRIED, &options)).map_err(|e| told(&e))?;
        Ok(Self { session })
    }

    /// Runs the model on arrays by name and gives arrays by name.
    fn run<'py>(
        &self,
        py: Python<'py>,
        inputs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut tensors = NamedTensors::new();
        for (name, array) in inputs {
            let name: String = name.extract()?;
            let tensor = read(&name, &array)?;
            tensors.push((name, tensor));
        }
        let outputs = py.detach(|| self.session.run(tensors)).map_err(|e| told(&e))?;
        let made = PyDict::new(py);
        for (name, tensor) in outputs {
            made.set_item(name, write(py, tensor))?;
        }
        Ok(made)
    }
@{python_file}
    /// The names of the inputs, in the model's order.
    #[getter]
    fn inputs(&self) -> Vec<String> {
        self.session.info().inputs.iter().map(|spec| spec.name.clone()).collect()
    }

    /// The names of the outputs, in the model's order.
    #[getter]
    fn outputs(&self) -> Vec<String> {
        self.session.info().outputs.iter().map(|spec| spec.name.clone()).collect()
    }

    /// The names of the classes, where the model has any.
    #[getter]
    fn labels(&self) -> Option<Vec<String>> {
        self.session.labels().map(<[String]>::to_vec)
    }
}

/// Copies an array, whatever its strides.
fn read(name: &str, array: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    typed::<f32>(array)
        .or_else(|| typed::<crate::f16>(array))
        .or_else(|| typed::<f64>(array))
        .or_else(|| typed::<i8>(array))
        .or_else(|| typed::<u8>(array))
        .or_else(|| typed::<i32>(array))
        .or_else(|| typed::<i64>(array))
        .or_else(|| typed::<bool>(array))
        .ok_or_else(|| ModelError::new_err(format!("input: {name:?} is no array that it takes")))
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

fn write(py: Python<'_>, tensor: Tensor) -> Bound<'_, PyAny> {
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
@{python_results}
#[pymodule]
fn @{lib}(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ModelError", module.py().get_type::<ModelError>())?;
    module.add_class::<Model>()
}
