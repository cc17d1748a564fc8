//! Engines and helpers for tests.

use std::sync::{
    Arc, Mutex,
    mpsc::{Receiver, Sender, channel},
};

pub(crate) use crate::wait::block_on;

use runner_core::{
    DType, Device, Dim, LoadError, LoadErrorKind, ModelInfo, NamedTensors, RunError, RunErrorKind,
    Runner, RunnerConfig, Tensor, TensorSpec,
    ndarray::{ArrayD, IxDyn},
};

/// A spec of f32; numbers are fixed axes, words symbols.
pub(crate) fn spec(name: &str, dims: &[&str]) -> TensorSpec {
    let dim = |dim: &&str| dim.parse().map_or_else(|_| Dim::Symbol((*dim).to_owned()), Dim::Fixed);
    TensorSpec { name: name.into(), dtype: DType::F32, dims: dims.iter().map(dim).collect() }
}

pub(crate) fn info(inputs: Vec<TensorSpec>, outputs: Vec<TensorSpec>) -> ModelInfo {
    ModelInfo {
        model: "test.onnx".into(),
        backend: "test".into(),
        backend_version: "0".into(),
        inputs,
        outputs,
        threads: 1,
        device: Device::Cpu,
        axes: std::collections::BTreeMap::new(),
    }
}

/// `x` and `y` of these axes.
pub(crate) fn one_to_one(dims: &[&str]) -> ModelInfo {
    info(vec![spec("x", dims)], vec![spec("y", dims)])
}

pub(crate) fn tensor(shape: &[usize], value: f32) -> Tensor {
    ArrayD::from_elem(IxDyn(shape), value).into()
}

pub(crate) fn input(shape: &[usize], value: f32) -> NamedTensors {
    vec![("x".into(), tensor(shape, value))]
}

pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    match tensor {
        Tensor::F32(array) => array.iter().copied().collect(),
        other => panic!("{other:?}"),
    }
}

type Behaviour = dyn Fn(Vec<Tensor>) -> Result<Vec<Tensor>, RunError> + Send + Sync;

/// Shapes of the first input of every run so far.
pub(crate) type Calls = Arc<Mutex<Vec<Vec<usize>>>>;

/// An engine that does what its test wants.
pub(crate) struct Engine {
    info: ModelInfo,
    behaviour: Box<Behaviour>,
    calls: Calls,
}

impl Engine {
    pub(crate) fn new(
        info: ModelInfo,
        behaviour: impl Fn(Vec<Tensor>) -> Result<Vec<Tensor>, RunError> + Send + Sync + 'static,
    ) -> Self {
        Self { info, behaviour: Box::new(behaviour), calls: Calls::default() }
    }

    /// Gives its input back.
    pub(crate) fn echo(dims: &[&str]) -> Self {
        Self::new(one_to_one(dims), Ok)
    }

    /// [`Self::echo`] that fails, or panics, where the value `poison` is among the numbers.
    pub(crate) fn poisoned(dims: &[&str], poison: f32, panics: bool) -> Self {
        Self::new(one_to_one(dims), move |inputs| {
            let found = values(&inputs[0]).contains(&poison);
            assert!(!(found && panics), "poison");
            if found {
                return Err(failed("poison"));
            }
            Ok(inputs)
        })
    }

    /// [`Self::echo`] that tells when a run starts and ends it only when it is let through.
    pub(crate) fn gated(dims: &[&str]) -> (Self, Gate) {
        Self::gated_by(Self::echo(dims))
    }

    /// An engine that tells when a run starts and ends it only when it is let through.
    pub(crate) fn gated_by(inner: Self) -> (Self, Gate) {
        Self::gated_when(inner, |_| true)
    }

    /// [`Self::gated_by`] for the runs whose inputs are so.
    pub(crate) fn gated_when(
        inner: Self,
        when: impl Fn(&[Tensor]) -> bool + Send + Sync + 'static,
    ) -> (Self, Gate) {
        let (entering, entered) = channel();
        let (open, opened) = channel();
        let opened = Mutex::new(opened);
        let engine = Self::new(inner.info, move |inputs| {
            if when(&inputs) {
                // The test may be over.
                let _ = entering.send(inputs[0].shape().to_vec());
                let _ = opened.lock().unwrap().recv();
            }
            (inner.behaviour)(inputs)
        });
        (engine, Gate { entered, open })
    }

    pub(crate) fn calls(&self) -> Calls {
        Arc::clone(&self.calls)
    }
}

impl Runner for Engine {
    fn from_config(config: &RunnerConfig) -> Result<Self, LoadError> {
        Err(LoadError::new(LoadErrorKind::Unsupported, &config.source.name(), "made by tests"))
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        self.calls.lock().unwrap().push(inputs[0].shape().to_vec());
        (self.behaviour)(inputs)
    }
}

pub(crate) fn failed(reason: &str) -> RunError {
    RunError::new(RunErrorKind::EngineFailed, "test.onnx", reason)
}

/// Holds the runs of an engine up.
pub(crate) struct Gate {
    entered: Receiver<Vec<usize>>,
    open: Sender<()>,
}

impl Gate {
    /// Waits until a run has started; gives the shape of its input.
    pub(crate) fn entered(&self) -> Vec<usize> {
        self.entered.recv().unwrap()
    }

    /// Lets one run end.
    pub(crate) fn open(&self) {
        self.open.send(()).unwrap();
    }
}

/// A valid ONNX file of nothing but these metadata.
pub(crate) fn onnx(props: &[(&str, &str)]) -> Vec<u8> {
    let field = |number: u8, content: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        let mut length = content.len();
        while length > 127 {
            bytes.push(length as u8 | 128);
            length >>= 7;
        }
        bytes.push(length as u8);
        [&bytes, content].concat()
    };
    let entry = |(key, value): &(&str, &str)| {
        field(14, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
    };
    props.iter().flat_map(entry).collect()
}
