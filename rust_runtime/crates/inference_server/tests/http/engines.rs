//! The engines of these tests: rten, and ones that do what a test wants.

use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use runner_core::{
    Backend, DType, Device, Dim, LoadError, LoadErrorKind, ModelInfo, RunError, Runner,
    RunnerConfig, Tensor, TensorSpec, ndarray::ArrayD,
};

/// What an engine of a test does with a row that holds this number.
pub(crate) const HOLD: f32 = 5.0;
pub(crate) const PANIC: f32 = 13.0;

/// Holds runs up, and counts them.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    held: AtomicUsize,
    runs: AtomicUsize,
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    /// Waits until so many runs were held up.
    pub(crate) fn wait_held(&self, count: usize) {
        super::server::wait("a held run", || self.held.load(Ordering::SeqCst) >= count);
    }

    /// What ran so far was no request of a test.
    pub(crate) fn forget(&self) {
        self.runs.store(0, Ordering::SeqCst);
    }

    /// Runs on anything but zeros.
    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

/// Gives its input `[n, 4]` back: holds up rows of 5 until the gate is open, panics on 13.
struct Gated {
    info: ModelInfo,
    gate: Arc<Gate>,
}

/// The loader of a server under test.
pub(crate) fn load(
    gate: &Arc<Gate>,
    engine: &str,
    config: &RunnerConfig,
) -> Result<Box<dyn Runner>, LoadError> {
    match engine {
        "rten" => runner_rten::RtenBackend.load(config),
        "gated" => Ok(Box::new(Gated { info: info(config), gate: Arc::clone(gate) })),
        _ => Err(LoadError::new(LoadErrorKind::BackendUnavailable, engine, "no such engine")),
    }
}

fn info(config: &RunnerConfig) -> ModelInfo {
    let spec = |name: &str| TensorSpec {
        name: name.into(),
        dtype: DType::F32,
        dims: vec![Dim::Symbol("n".into()), Dim::Fixed(4)],
    };
    ModelInfo {
        model: config.source.name(),
        backend: "gated".into(),
        backend_version: "1".into(),
        inputs: vec![spec("x")],
        outputs: vec![spec("y")],
        threads: 1,
        device: Device::Cpu,
        axes: std::collections::BTreeMap::new(),
    }
}

impl Runner for Gated {
    fn from_config(config: &RunnerConfig) -> Result<Self, LoadError> {
        Ok(Self { info: info(config), gate: Arc::default() })
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    #[allow(clippy::float_cmp)]
    fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        let values: ArrayD<f32> = ArrayD::try_from(inputs[0].clone()).unwrap();
        if values.iter().any(|value| *value != 0.0) {
            self.gate.runs.fetch_add(1, Ordering::SeqCst);
        }
        assert!(!values.iter().any(|value| *value == PANIC), "thirteen");
        if values.iter().any(|value| *value == HOLD) {
            self.gate.held.fetch_add(1, Ordering::SeqCst);
            let open = self.gate.open.lock().unwrap();
            drop(self.gate.opened.wait_while(open, |open| !*open).unwrap());
        }
        Ok(inputs)
    }
}
