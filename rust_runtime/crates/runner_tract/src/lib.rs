//! tract (pure Rust, ONNX) behind the contract of `runner_core`.
//!
//! tract plans best when every axis is known, so a model with symbolic axes gets one plan for each
//! combination of input shapes, and the latest few are kept (option `plan_cache`). The engine runs
//! each model on the calling thread: [`runner_core::ModelInfo::threads`] is always 1.
//!
//! Time by node is measured around each node of the plan that runs anyway. WebAssembly has neither
//! that nor prepared files: its modules are downloaded, and what reads NNEF is a tenth of one.
#![cfg_attr(
    target_family = "wasm",
    allow(dead_code, reason = "prepared files and profiles use it")
)]

mod graph;
mod mended;
#[cfg(not(target_family = "wasm"))]
mod nnef;
mod patches;
mod plan;
#[cfg(not(target_family = "wasm"))]
mod prepared;
#[cfg(not(target_family = "wasm"))]
mod profile;
mod tensor;
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod wasm_kernel;
mod weights;

#[cfg(not(target_family = "wasm"))]
use std::{num::NonZero, path::Path};

use runner_core::{
    Availability, Backend, Capabilities, Content, DType, Device, LoadError, ModelInfo, Precision,
    RunError, RunErrorKind, Runner, RunnerConfig, Tensor, guard_load,
    onnx::{ExternalData, OnnxModel, Signature, TensorSpecHint},
};
#[cfg(not(target_family = "wasm"))]
use runner_core::{NodeTime, prepared::Prepared};

use crate::{graph::Graph, plan::Plans};

const NAME: &str = "tract";
const VERSION: &str = "0.23.9";
const DEFAULT_PLANS: usize = 4;
#[cfg(not(target_family = "wasm"))]
const FORMATS: [&str; 3] = ["onnx", prepared::ENDING, prepared::COMPRESSED];
#[cfg(target_family = "wasm")]
const FORMATS: [&str; 1] = ["onnx"];

/// The factory of tract runners.
#[derive(Debug, Clone, Copy, Default)]
pub struct TractBackend;

impl Backend for TractBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self) -> Availability {
        Availability::Ready { version: VERSION.to_owned() }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: FORMATS.to_vec(),
            dtypes: DType::ALL.to_vec(),
            devices: vec![Device::Cpu],
            precisions: vec![Precision::Fp32],
            dynamic_dims: true,
            from_bytes: true,
        }
    }

    fn load(&self, config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
        Ok(Box::new(TractRunner::from_config(config)?))
    }

    #[cfg(not(target_family = "wasm"))]
    fn prepared_format(&self) -> Option<&'static str> {
        Some(prepared::ENDING)
    }

    #[cfg(not(target_family = "wasm"))]
    fn prepare(&self, config: &RunnerConfig, out: &Path) -> Result<Prepared, LoadError> {
        plans_wanted(config)?;
        guard_load(&config.source.name(), || prepared::prepare(self, config, out))
    }
}

/// Refuses settings that the engine has not, and gives the option `plan_cache`.
fn plans_wanted(config: &RunnerConfig) -> Result<usize, LoadError> {
    config.expect(NAME, &TractBackend.capabilities())?;
    let mut options = config.read_options();
    let capacity = options.get::<usize>("plan_cache")?.unwrap_or(DEFAULT_PLANS).max(1);
    options.finish()?;
    Ok(capacity)
}

/// A model loaded by tract.
#[derive(Debug)]
pub struct TractRunner {
    info: ModelInfo,
    declared: OnnxModel,
    plans: Plans,
}

/// Loads an ONNX model from memory with the default settings; `name` stands in messages.
///
/// # Errors
/// As [`Runner::from_config`].
pub fn load_from_bytes(name: &str, bytes: &[u8]) -> Result<TractRunner, LoadError> {
    TractRunner::from_config(&RunnerConfig::from_bytes(name, bytes))
}

/// Loads the ONNX model that `content` is, and drops it as soon as it is read. `config.source`
/// only names it.
///
/// # Errors
/// As [`Runner::from_config`].
pub fn load_content(config: &RunnerConfig, content: Vec<u8>) -> Result<TractRunner, LoadError> {
    let capacity = plans_wanted(config)?;
    guard_load(&config.source.name(), || {
        planned(config, read(config, Content::Owned(content))?, capacity)
    })
}

impl Runner for TractRunner {
    fn from_config(config: &RunnerConfig) -> Result<Self, LoadError> {
        let capacity = plans_wanted(config)?;
        guard_load(&config.source.name(), || load(config, capacity))
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        let failed =
            |reason: String| RunError::new(RunErrorKind::EngineFailed, &self.info.model, reason);
        let shapes: Vec<_> = inputs.iter().map(|input| input.shape().to_vec()).collect();
        let plan = self.plans.get(&shapes).map_err(|error| failed(graph::chain(&error)))?;
        let inputs = inputs.into_iter().map(tensor::into_tract).collect();
        let outputs = plan.run(inputs).map_err(|error| failed(graph::chain(&error)))?;
        let specs = self.info.outputs.iter();
        outputs
            .into_iter()
            .zip(specs)
            .map(|(output, spec)| tensor::from_tract(&output, spec).map_err(failed))
            .collect()
    }

    #[cfg(not(target_family = "wasm"))]
    fn profile(
        &self,
        inputs: Vec<Tensor>,
        runs: NonZero<usize>,
    ) -> Result<Option<Vec<NodeTime>>, RunError> {
        let shapes: Vec<_> = inputs.iter().map(|input| input.shape().to_vec()).collect();
        let inputs = inputs.into_iter().map(tensor::into_tract).collect();
        let plan = self.plans.get(&shapes);
        let times = plan.and_then(|plan| profile::profile(&plan, &self.declared, &inputs, runs));
        times.map(Some).map_err(|error| {
            RunError::new(RunErrorKind::EngineFailed, &self.info.model, graph::chain(&error))
        })
    }
}

fn load(config: &RunnerConfig, capacity: usize) -> Result<TractRunner, LoadError> {
    planned(config, opened(config)?, capacity)
}

fn planned(
    config: &RunnerConfig,
    (declared, graph): (OnnxModel, Graph),
    capacity: usize,
) -> Result<TractRunner, LoadError> {
    let signature = Signature::new(config, &declared)?;
    let (plans, known) = Plans::new(graph, &signature, config, capacity)?;
    runner(config, signature, declared, plans, &known)
}

#[cfg(not(target_family = "wasm"))]
fn opened(config: &RunnerConfig) -> Result<(OnnxModel, Graph), LoadError> {
    match prepared::open(config)? {
        Some(file) => prepared::read(config, file),
        None => read(config, config.content(false)?),
    }
}

#[cfg(target_family = "wasm")]
fn opened(config: &RunnerConfig) -> Result<(OnnxModel, Graph), LoadError> {
    read(config, config.content(false)?)
}

/// What an ONNX file declares, and its graph.
fn read(config: &RunnerConfig, content: Content) -> Result<(OnnxModel, Graph), LoadError> {
    let name = config.source.name();
    let declared = OnnxModel::read(&name, &content)?;
    let external = ExternalData::resolve(config, &declared)?;
    // Shapes that do not fit are the user's fault, so they are refused before the file's faults.
    Signature::new(config, &declared)?;
    let graph = Graph::parse(&name, content, &declared, &external)?;
    Ok((declared, graph))
}

fn runner(
    config: &RunnerConfig,
    signature: Signature,
    declared: OnnxModel,
    plans: Plans,
    known: &[TensorSpecHint],
) -> Result<TractRunner, LoadError> {
    let info = ModelInfo {
        model: config.source.name(),
        backend: NAME.to_owned(),
        backend_version: VERSION.to_owned(),
        outputs: signature.outputs(config, &declared, known)?,
        inputs: signature.inputs,
        threads: 1,
        device: Device::Cpu,
        axes: signature.axes,
    };
    Ok(TractRunner { info, declared, plans })
}
