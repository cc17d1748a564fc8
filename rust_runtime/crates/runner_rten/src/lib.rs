//! rten (pure Rust, ONNX) behind the contract of `runner_core`.
//!
//! rten computes in f32, i32, i8 and u8. The other element types of the contract cross by exact,
//! checked conversion: bool and i64 as i32 (an i64 beyond the range of i32 is an error), f16 as
//! f32, rounded back to f16 on the way out. f64 would lose precision and is refused at load.
//!
//! rten measures its nodes but only prints the times, so there is no time by node.

mod load;
mod prepared;
mod tensor;
mod weights;

use std::{fmt, path::Path, sync::Arc};
#[cfg(not(target_family = "wasm"))]
use std::{num::NonZero, sync::OnceLock};

use rten::{Model, NodeId, RunOptions, ThreadPool};
use runner_core::{
    Availability, Backend, Capabilities, Content, DType, Device, LoadError, ModelInfo, Precision,
    RunError, RunErrorKind, Runner, RunnerConfig, Tensor, guard_load, prepared::Prepared,
};

use crate::weights::Mapped;

const NAME: &str = "rten";
const VERSION: &str = "0.27.0";

/// The factory of rten runners.
#[derive(Debug, Clone, Copy, Default)]
pub struct RtenBackend;

impl Backend for RtenBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self) -> Availability {
        Availability::Ready { version: VERSION.to_owned() }
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
        Ok(Box::new(RtenRunner::from_config(config)?))
    }

    fn prepared_format(&self) -> Option<&'static str> {
        Some(prepared::ENDING)
    }

    fn prepare(&self, config: &RunnerConfig, out: &Path) -> Result<Prepared, LoadError> {
        Settings::read(config)?;
        guard_load(&config.source.name(), || prepared::prepare(self, config, out))
    }
}

/// What the user asks of the engine.
#[derive(Debug, Clone, Copy)]
struct Settings {
    /// Whether weights are laid out anew at load, for speed: option `prepack_weights`.
    prepack: bool,
    /// Whether the model's files are mapped in place of being read: option `mmap`.
    mmap: bool,
}

impl Settings {
    fn read(config: &RunnerConfig) -> Result<Self, LoadError> {
        config.expect(NAME, &RtenBackend.capabilities())?;
        let mut options = config.read_options();
        let prepack = options.get("prepack_weights")?.unwrap_or(false);
        let mmap = options.get("mmap")?.unwrap_or(false);
        options.finish()?;
        Ok(Self { prepack, mmap })
    }
}

/// A model loaded by rten.
pub struct RtenRunner {
    info: ModelInfo,
    model: Model,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
    pool: Arc<ThreadPool>,
    /// What the model's weights lie in where they are mapped; dropped after the model.
    #[expect(dead_code, reason = "the engine reads it, we only hold it")]
    mapped: Mapped,
}

impl fmt::Debug for RtenRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtenRunner").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Loads an ONNX model from memory with the default settings; `name` stands in messages.
///
/// # Errors
/// As [`Runner::from_config`].
pub fn load_from_bytes(name: &str, bytes: &[u8]) -> Result<RtenRunner, LoadError> {
    RtenRunner::from_config(&RunnerConfig::from_bytes(name, bytes))
}

/// Loads the ONNX model that `content` is, which the engine keeps: its weights are not copied.
/// `config.source` only names it.
///
/// # Errors
/// As [`Runner::from_config`].
pub fn load_content(config: &RunnerConfig, content: Vec<u8>) -> Result<RtenRunner, LoadError> {
    let settings = Settings::read(config)?;
    guard_load(&config.source.name(), || load::load(config, Content::Owned(content), settings))
}

impl Runner for RtenRunner {
    fn from_config(config: &RunnerConfig) -> Result<Self, LoadError> {
        let settings = Settings::read(config)?;
        guard_load(&config.source.name(), || {
            load::load(config, config.content(settings.mmap)?, settings)
        })
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        let failed =
            |reason: String| RunError::new(RunErrorKind::EngineFailed, &self.info.model, reason);
        let mut given = Vec::with_capacity(inputs.len());
        for ((input, spec), &node) in inputs.into_iter().zip(&self.info.inputs).zip(&self.inputs) {
            let value = tensor::into_rten(input).map_err(|reason| {
                let model = &self.info.model;
                RunError::new(RunErrorKind::DtypeMismatch, model, reason).with_input(&spec.name)
            })?;
            given.push((node, value.into()));
        }
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let outputs = self
            .model
            .run(given, &self.outputs, Some(options))
            .map_err(|error| failed(error.to_string()).with_source(error))?;
        let specs = self.info.outputs.iter();
        outputs
            .into_iter()
            .zip(specs)
            .map(|(output, spec)| tensor::from_rten(output, spec).map_err(failed))
            .collect()
    }
}

/// Threads of WebAssembly are workers, which only the page can start: the pool that it starts serves
/// all models, and without it a run stays on the thread that asks for it.
#[cfg(target_family = "wasm")]
fn thread_pool(_: Option<usize>) -> (Arc<ThreadPool>, usize) {
    (Arc::new(ThreadPool::with_num_threads(1)), rayon::current_num_threads())
}

/// A pool of this many threads; without a wish, one for the whole process with as many threads as
/// the process may use (a container's share, where rten's own default counts the host's cores).
#[cfg(not(target_family = "wasm"))]
fn thread_pool(threads: Option<usize>) -> (Arc<ThreadPool>, usize) {
    static SHARED: OnceLock<(Arc<ThreadPool>, usize)> = OnceLock::new();
    let make = |threads| (Arc::new(ThreadPool::with_num_threads(threads)), threads);
    match threads {
        Some(threads) => make(threads),
        None => SHARED
            .get_or_init(|| make(std::thread::available_parallelism().map_or(1, NonZero::get)))
            .clone(),
    }
}
