//! LibTorch (TorchScript files, `.pt`) behind the contract of `runner_core`.
//!
//! A TorchScript file knows neither the names nor the shapes of its inputs. `convert` writes them
//! into the file itself; `spec` says where else they may come from.
//!
//! **Trust.** A TorchScript file is a program for LibTorch's interpreter. A damaged one is refused,
//! but one that was made to do harm can exhaust memory or never end: load it only from where you
//! would take a program.
//!
//! **Threads.** The number of threads is set for the thread that calls, for the time of a run. The
//! part of LibTorch that uses MKL has one number for the process, so runners with different
//! numbers that run at once share that.

mod archive;
mod libtorch;
mod load;
mod module;
mod script;
mod spec;
mod tensor;
mod tf32;

use std::fmt;

use runner_core::{
    Availability, Backend, Capabilities, DType, Device, LoadError, LoadErrorKind, ModelInfo,
    Precision, RunError, RunErrorKind, Runner, RunnerConfig, Tensor, guard_load,
};

use crate::module::Module;

const NAME: &str = "tch";

/// The factory of LibTorch runners.
#[derive(Debug, Clone, Copy, Default)]
pub struct TchBackend;

impl Backend for TchBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self) -> Availability {
        match libtorch::version() {
            Ok(version) => Availability::Ready { version },
            Err(hint) => Availability::Missing { hint },
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut devices = vec![Device::Cpu];
        devices.extend((0..libtorch::cuda().devices).map(Device::Cuda));
        Capabilities {
            formats: vec!["pt"],
            dtypes: DType::ALL.to_vec(),
            devices,
            precisions: vec![Precision::Fp32],
            dynamic_dims: true,
            from_bytes: true,
        }
    }

    fn load(&self, config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
        Ok(Box::new(TchRunner::from_config(config)?))
    }
}

/// A TorchScript module loaded by LibTorch. It computes in the types of its file. On CUDA devices
/// convolutions are in TF32, LibTorch's own default, only where the file itself says so, as traces
/// do that were made while that was allowed.
pub struct TchRunner {
    info: ModelInfo,
    module: Module,
}

impl fmt::Debug for TchRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TchRunner").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Runner for TchRunner {
    fn from_config(config: &RunnerConfig) -> Result<Self, LoadError> {
        let name = config.source.name();
        let version = libtorch::version()
            .map_err(|hint| LoadError::new(LoadErrorKind::BackendUnavailable, &name, hint))?;
        expect_device(config)?;
        config.expect(NAME, &TchBackend.capabilities())?;
        config.read_options().finish()?;
        guard_load(&name, || load::load(config, version))
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        let failed =
            |reason: String| RunError::new(RunErrorKind::EngineFailed, &self.info.model, reason);
        let outputs = self.module.run(inputs).map_err(failed)?;
        let specs = &self.info.outputs;
        if outputs.len() != specs.len() {
            let message = format!("{} outputs came back, expected {}", outputs.len(), specs.len());
            return Err(failed(message));
        }
        let read = |(output, spec)| tensor::from_torch(output, spec).map_err(failed);
        outputs.iter().zip(specs).map(read).collect()
    }
}

/// Says how many CUDA devices there are, and why there are none, before the general refusal.
fn expect_device(config: &RunnerConfig) -> Result<(), LoadError> {
    let Device::Cuda(index) = config.device else {
        return Ok(());
    };
    let cuda = libtorch::cuda();
    if index < cuda.devices {
        return Ok(());
    }
    let why = cuda.missing.map_or_else(String::new, |why| format!(": {why}"));
    let message = format!(
        "cannot run on {}: LibTorch sees {} CUDA devices{why}",
        config.device, cuda.devices
    );
    Err(LoadError::new(LoadErrorKind::DeviceUnavailable, &config.source.name(), message))
}
