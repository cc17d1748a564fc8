//! OpenVINO behind the contract of `runner_core`.
//!
//! The library is opened when it is first wanted: the file that `OPENVINO_DYLIB_PATH` names, else
//! the one beside the running program, else the one of an OpenVINO installation, else whatever the
//! dynamic loader finds. The first that is opened stays for the life of the process.
//!
//! The CPU plugin computes in f32 (never in bf16, whatever the processor offers), i32, i8 and u8.
//! f16 and bool cross as they are; so does i64, but the plugin keeps 32 bits of it, so a value
//! beyond i32 is an error of that run. f64 would lose precision and is refused at load.
//!
//! Time by node comes from counters, for which the model is read again, its file or the bytes that
//! it came in, and compiled with them. They are averages in whole microseconds: nodes that take
//! less read as nothing.
//!
//! OpenVINO always optimises the graph while it compiles: `optimize: false` changes nothing.

mod inference;
mod library;
mod load;
mod message;
mod native;
mod options;
mod pool;
mod ports;
mod profile;
mod shapes;
mod tensor;

use std::{fmt, num::NonZero};

use runner_core::{
    Availability, Backend, Capabilities, DType, Device, LoadError, LoadErrorKind, ModelInfo,
    NodeTime, Precision, RunError, RunErrorKind, Runner, RunnerConfig, Tensor, TensorSpec,
    guard_load, onnx::OnnxModel,
};

use crate::{
    inference::{Inference, Outputs, fits},
    native::Request,
    options::Options,
    pool::Pool,
    tensor::Held,
};

const NAME: &str = "openvino";

/// The factory of OpenVINO runners.
///
/// Options:
/// - `performance_hint`: `latency`, the default, or `throughput`;
/// - `num_streams`: how many runs compute side by side, sharing the threads; 1 by default, the
///   engine's choice with `throughput`;
/// - `cpu_pinning`: `true` ties threads to processors, for a machine with nothing else to do;
///   `false` by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenvinoBackend;

impl Backend for OpenvinoBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self) -> Availability {
        match library::engine() {
            Ok(engine) => Availability::Ready { version: engine.version.clone() },
            Err(hint) => Availability::Missing { hint },
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: vec!["onnx"],
            dtypes: DType::ALL.into_iter().filter(|&dtype| tensor::takes(dtype)).collect(),
            devices: vec![Device::Cpu],
            precisions: vec![Precision::Fp32],
            dynamic_dims: true,
            from_bytes: true,
        }
    }

    fn load(&self, config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
        Ok(Box::new(OpenvinoRunner::from_config(config)?))
    }
}

/// A model compiled by OpenVINO.
pub struct OpenvinoRunner {
    info: ModelInfo,
    pool: Pool,
    /// The engine's index of each input; none for one that nothing uses.
    inputs: Vec<Option<usize>>,
    /// The engine's index of each output.
    outputs: Vec<usize>,
    /// Nothing where inputs have one shape only.
    inference: Option<Inference>,
    declared: OnnxModel,
    /// What it was loaded by: a profile loads it once more.
    config: RunnerConfig,
}

impl fmt::Debug for OpenvinoRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenvinoRunner").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Loads an ONNX model from memory with the default settings; `name` stands in messages.
///
/// # Errors
/// As [`Runner::from_config`].
pub fn load_from_bytes(name: &str, bytes: &[u8]) -> Result<OpenvinoRunner, LoadError> {
    OpenvinoRunner::from_config(&RunnerConfig::from_bytes(name, bytes))
}

impl Runner for OpenvinoRunner {
    fn from_config(config: &RunnerConfig) -> Result<Self, LoadError> {
        config.expect(NAME, &OpenvinoBackend.capabilities())?;
        Self::open(config, &Options::read(config)?)
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        let failed = |reason: String| self.failed(&reason);
        let expected = self.expected(&inputs)?;
        let held = self.held(inputs)?;
        // A request that fails is dropped here, not given back.
        let mut request = self.pool.take().map_err(failed)?;
        self.infer(&mut request, &held)?;
        let output = |(&port, spec): (&usize, &TensorSpec)| {
            let output = tensor::copy_out(&request.output(port)?, spec)?;
            let lengths = expected.as_ref().and_then(|outputs| outputs.get(port)?.as_ref());
            if fits(output.shape(), lengths) {
                return Ok(output);
            }
            let (name, shape) = (&spec.name, output.shape());
            Err(format!("output {name:?} came back as {shape:?}, which the inputs do not make"))
        };
        let outputs = self.outputs.iter().zip(&self.info.outputs).map(output);
        let outputs = outputs.collect::<Result<_, String>>().map_err(failed)?;
        self.pool.give_back(request);
        Ok(outputs)
    }

    /// Compiles the model once more, with counters, for one request of as many threads.
    fn profile(
        &self,
        inputs: Vec<Tensor>,
        runs: NonZero<usize>,
    ) -> Result<Option<Vec<NodeTime>>, RunError> {
        let counting = self.counting().map_err(|error| {
            self.failed(&format!("no times by node: {error}")).with_source(error)
        })?;
        let failed = |reason: String| self.failed(&reason);
        self.expected(&inputs)?;
        let held = self.held(inputs)?;
        let mut request = counting.pool.take().map_err(failed)?;
        counting.infer(&mut request, &held)?;
        let after_first = request.counters().map_err(failed)?;
        for _ in 0..runs.get() {
            counting.infer(&mut request, &held)?;
        }
        let after_all = request.counters().map_err(failed)?;
        Ok(Some(profile::times(&self.declared, &after_first, &after_all, runs)))
    }
}

impl OpenvinoRunner {
    fn open(config: &RunnerConfig, options: &Options) -> Result<Self, LoadError> {
        let name = config.source.name();
        guard_load(&name, || {
            let engine = library::engine().map_err(|hint| {
                let message = format!("OpenVINO cannot start: {hint}");
                LoadError::new(LoadErrorKind::BackendUnavailable, &name, message)
            })?;
            load::load(config, engine, options)
        })
    }

    /// The same model with counters.
    fn counting(&self) -> Result<Self, LoadError> {
        let options = Options::read(&self.config)?.counting(self.info.threads);
        let counting = Self::open(&self.config, &options)?;
        if counting.info == self.info {
            return Ok(counting);
        }
        let message = "the file has changed since it was loaded";
        Err(LoadError::new(LoadErrorKind::Unreadable, &self.info.model, message))
    }

    fn failed(&self, reason: &str) -> RunError {
        let reason = message::one_line(reason);
        RunError::new(RunErrorKind::EngineFailed, &self.info.model, reason)
    }

    /// The shapes of the outputs, where the inputs' may change.
    fn expected(&self, inputs: &[Tensor]) -> Result<Option<Outputs>, RunError> {
        let Some(inference) = &self.inference else { return Ok(None) };
        inference.outputs(inputs, &self.inputs).map(Some).map_err(|reason| {
            let given = self.info.inputs.iter().zip(inputs);
            let given: Vec<String> =
                given.map(|(spec, input)| format!("{} {:?}", spec.name, input.shape())).collect();
            let reason = message::one_line(&reason);
            let message = format!(
                "the model cannot take inputs of these shapes, {}: {reason}",
                given.join(", ")
            );
            RunError::new(RunErrorKind::ShapeMismatch, &self.info.model, message)
        })
    }

    fn held(&self, inputs: Vec<Tensor>) -> Result<Vec<Held>, RunError> {
        let held = inputs.into_iter().zip(&self.info.inputs).map(|(input, spec)| {
            tensor::hold(input).map_err(|reason| {
                let model = &self.info.model;
                RunError::new(RunErrorKind::DtypeMismatch, model, reason).with_input(&spec.name)
            })
        });
        held.collect()
    }

    fn infer(&self, request: &mut Request, held: &[Held]) -> Result<(), RunError> {
        for ((given, port), spec) in held.iter().zip(&self.inputs).zip(&self.info.inputs) {
            let &Some(port) = port else { continue };
            request
                .set_input(port, given.native())
                .map_err(|reason| self.failed(&reason).with_input(&spec.name))?;
        }
        request.infer().map_err(|reason| self.failed(&reason))
    }
}
