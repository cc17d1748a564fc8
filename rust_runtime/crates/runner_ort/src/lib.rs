//! ONNX Runtime (C++, ONNX) behind the contract of `runner_core`.
//!
//! The library is found and loaded at run time: the file that the environment variable
//! `ORT_DYLIB_PATH` names, else the one beside the running program, else what the system's loader
//! finds. Version 1.22 or newer serves.
//!
//! ONNX Runtime promises that one session may be run by several threads at once, and on the CPU
//! this crate takes it at its word: the threads share one session and wait for nobody. Runs on
//! CUDA take turns, because that provider's allocators have failed under concurrent runs.
//!
//! On CUDA a run of another shape than its session's run before plans every convolution anew, which
//! takes longer than many runs. So a model with free axes gets a session for each set of input
//! shapes, up to as many as the option `sessions` says.
//!
//! Denormal numbers are not flushed to zero on request: ONNX Runtime sets that once for the whole
//! process, by what the first session asks for, and changes the calling thread's arithmetic too.
//!
//! Time by node comes from a session of its own, which writes its record and the graph that it runs
//! into a temporary folder. So the model is read again: its file, or the bytes that it came in.

mod cuda;
mod library;
mod load;
mod pool;
mod prepared;
mod profile;
mod refusal;
mod session;
mod settings;
mod tensor;
mod wheels;

use std::{num::NonZero, path::Path};

use ort::value::DynValue;
use runner_core::{
    Availability, Backend, Capabilities, Content, DType, Device, LoadError, LoadErrorKind,
    ModelInfo, NodeTime, Precision, RunError, RunErrorKind, Runner, RunnerConfig, Tensor,
    guard_load, onnx::OnnxModel, prepared::Prepared,
};

use crate::{library::Engine, pool::More, session::Session, settings::Settings};

const NAME: &str = "ort";

/// The factory of ONNX Runtime runners.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrtBackend;

impl Backend for OrtBackend {
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
        let cuda = library::engine().and_then(Engine::cuda_devices).unwrap_or(0);
        able_on(std::iter::once(Device::Cpu).chain((0..cuda).map(Device::Cuda)).collect())
    }

    fn load(&self, config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
        Ok(Box::new(OrtRunner::from_config(config)?))
    }

    fn prepared_format(&self) -> Option<&'static str> {
        Some(prepared::ENDING)
    }

    fn prepare(&self, config: &RunnerConfig, out: &Path) -> Result<Prepared, LoadError> {
        let (engine, settings) = started(config)?;
        guard_load(&config.source.name(), || {
            prepared::prepare(self, config, engine, &settings, out)
        })
    }
}

fn able_on(devices: Vec<Device>) -> Capabilities {
    Capabilities {
        formats: vec!["onnx", prepared::ENDING],
        dtypes: DType::ALL.to_vec(),
        devices,
        precisions: vec![Precision::Fp32],
        dynamic_dims: true,
        from_bytes: true,
    }
}

/// A model loaded by ONNX Runtime.
#[derive(Debug)]
pub struct OrtRunner {
    info: ModelInfo,
    session: Session,
    declared: OnnxModel,
    /// What it was loaded by: a profile loads it once more.
    config: RunnerConfig,
}

/// Loads an ONNX model from memory with the default settings; `name` stands in messages.
///
/// # Errors
/// As [`Runner::from_config`].
pub fn load_from_bytes(name: &str, bytes: &[u8]) -> Result<OrtRunner, LoadError> {
    OrtRunner::from_config(&RunnerConfig::from_bytes(name, bytes))
}

/// The engine, and what the user asks of it.
fn started(config: &RunnerConfig) -> Result<(&'static Engine, Settings), LoadError> {
    let name = config.source.name();
    let refuse = |kind, message| LoadError::new(kind, &name, message);
    let engine = library::engine().map_err(|hint| {
        refuse(LoadErrorKind::BackendUnavailable, format!("ort cannot start: {hint}"))
    })?;
    // Asking for the CUDA devices loads CUDA, so a runner on the CPU does not ask.
    let able = match config.device {
        Device::Cpu => able_on(vec![Device::Cpu]),
        Device::Cuda(_) => {
            engine.cuda_devices().map_err(|reason| {
                let message = format!("ort cannot run on {}: {reason}", config.device);
                refuse(LoadErrorKind::DeviceUnavailable, message)
            })?;
            OrtBackend.capabilities()
        }
    };
    config.expect(NAME, &able)?;
    Ok((engine, Settings::read(config)?))
}

impl OrtRunner {
    fn keeping(self, content: Content) -> Self {
        Self { session: self.session.keeping(content), ..self }
    }

    fn growing(self, more: More<ort::session::Session>) -> Self {
        Self { session: self.session.growing(more), ..self }
    }
}

impl Runner for OrtRunner {
    fn from_config(config: &RunnerConfig) -> Result<Self, LoadError> {
        let (engine, settings) = started(config)?;
        guard_load(&config.source.name(), || load::load(config, engine, &settings))
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        let given = self.given(inputs)?;
        let outputs = self.session.run(&given).map_err(|error| self.stopped(error))?;
        let specs = self.info.outputs.iter();
        outputs
            .iter()
            .zip(specs)
            .map(|(output, spec)| {
                tensor::from_ort(output, spec).map_err(|reason| self.failed(reason))
            })
            .collect()
    }

    /// Loads the model once more, into a session that keeps a record. On CUDA the record has when
    /// work was handed over, not what it took, so there is none; nor of a prepared model, which has
    /// no nodes of an ONNX file.
    fn profile(
        &self,
        inputs: Vec<Tensor>,
        runs: NonZero<usize>,
    ) -> Result<Option<Vec<NodeTime>>, RunError> {
        if self.info.device != Device::Cpu || self.declared.nodes.is_empty() {
            return Ok(None);
        }
        let given = self.given(inputs)?;
        let times = profile::profile(self, &given, runs);
        times.map(Some).map_err(|error| {
            let reason = refusal::on_one_line(&error.to_string());
            self.failed(format!("no times by node: {reason}")).with_source(error)
        })
    }
}

impl OrtRunner {
    fn failed(&self, reason: String) -> RunError {
        RunError::new(RunErrorKind::EngineFailed, &self.info.model, reason)
    }

    fn stopped(&self, error: ort::Error) -> RunError {
        self.failed(refusal::on_one_line(error.message())).with_source(error)
    }

    fn given(&self, inputs: Vec<Tensor>) -> Result<Vec<DynValue>, RunError> {
        let given = inputs.into_iter().zip(&self.info.inputs).map(|(input, spec)| {
            tensor::into_ort(input).map_err(|error| self.stopped(error).with_input(&spec.name))
        });
        given.collect()
    }
}
