//! NVIDIA `TensorRT` (ONNX, NVIDIA GPUs) behind the contract of `runner_core`, by its program
//! `trtexec`.
//!
//! **Each run is a program of its own**: it loads the engine, runs once and ends. That takes
//! seconds where a run on the GPU takes milliseconds. This is right for building engines and for
//! proving that they give PyTorch's answers; it is not for serving, and times measured through it
//! are those of starting a program.
//!
//! - Versions 8.6 to 11; [`flags`] knows which flags each of them has.
//! - An engine is built once for a model, its shapes, the flags, the version of `TensorRT` and the
//!   GPU, and kept in the user's cache folder. A model with symbolic axes gets one engine for each
//!   combination of input shapes, or a single one for the ranges in the options `min_shapes`,
//!   `opt_shapes` and `max_shapes`.
//! - f64 and i8 do not cross: `TensorRT` computes f64 as f32, and `trtexec` 8.6 and 9 turn inputs
//!   of i8 into f32. i64 is native from 9.0 on; 8.6 takes it as i32, checked. u8 may be cast and
//!   nothing else (`DataType::kUINT8` in `NvInferRuntimeBase.h`).
//! - Values come from the raw files of `--dumpRawBindingsToFile`: the JSON of `--exportOutput` has
//!   six digits. Both must agree.

mod cache;
mod engine;
pub mod flags;
mod gpu;
mod infer;
mod load;
mod outputs;
mod plans;
mod process;
mod report;
mod settings;
mod shapes;
mod tensor;
mod tools;
mod version;

use runner_core::{
    Availability, Backend, Capabilities, DType, Device, LoadError, LoadErrorKind, ModelInfo,
    Precision, RunError, RunErrorKind, Runner, RunnerConfig, Tensor, guard_load,
};

use crate::plans::Plans;
pub use crate::{tools::Tools, version::Version};

const NAME: &str = "tensorrt";

/// The factory of `TensorRT` runners, with the `trtexec` and the GPUs of the environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct TensorRtBackend;

impl Backend for TensorRtBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self) -> Availability {
        Tools::from_environment().availability()
    }

    fn capabilities(&self) -> Capabilities {
        TensorRtAt(Tools::from_environment()).capabilities()
    }

    fn load(&self, config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
        Ok(Box::new(TensorRtRunner::from_config(config)?))
    }
}

/// The factory of `TensorRT` runners with the tools named here, whatever the environment says.
#[derive(Debug, Clone, Default)]
pub struct TensorRtAt(
    /// Where `trtexec` and GPUs are.
    pub Tools,
);

impl Backend for TensorRtAt {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self) -> Availability {
        self.0.availability()
    }

    fn capabilities(&self) -> Capabilities {
        let ready = self.0.ready().ok();
        let gpus = ready.as_ref().map_or(0, |ready| ready.gpus.len());
        let half = ready.is_none_or(|ready| flags::has(ready.version, "--fp16"));
        let precisions = [Precision::Fp32, Precision::Fp16, Precision::Int8];
        Capabilities {
            formats: vec!["onnx"],
            dtypes: DType::ALL.into_iter().filter(|&dtype| tensor::takes(dtype)).collect(),
            devices: (0..gpus as u32).map(Device::Cuda).collect(),
            precisions: precisions
                .into_iter()
                .filter(|&precision| half || precision != Precision::Fp16)
                .collect(),
            dynamic_dims: true,
            from_bytes: true,
        }
    }

    fn load(&self, config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
        Ok(Box::new(self.open(config)?))
    }
}

impl TensorRtAt {
    fn open(&self, config: &RunnerConfig) -> Result<TensorRtRunner, LoadError> {
        let name = config.source.name();
        let ready = self.0.ready().map_err(|hint| {
            LoadError::new(
                LoadErrorKind::BackendUnavailable,
                &name,
                format!("cannot start: {hint}"),
            )
        })?;
        config.expect(NAME, &self.capabilities())?;
        let settings = settings::Settings::read(config)?;
        guard_load(&name, || load::load(config, ready, settings))
    }
}

/// A model built by `TensorRT`.
#[derive(Debug)]
pub struct TensorRtRunner {
    info: ModelInfo,
    plans: Plans,
}

impl Runner for TensorRtRunner {
    fn from_config(config: &RunnerConfig) -> Result<Self, LoadError> {
        TensorRtAt(Tools::from_environment()).open(config)
    }

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn execute(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        let model = &self.info.model;
        let failed = |reason: String| RunError::new(RunErrorKind::EngineFailed, model, reason);
        let given = self.plans.given(&self.info.inputs, &inputs);
        if let Some((input, reason)) = self.plans.outside(&given) {
            let error = RunError::new(RunErrorKind::ShapeMismatch, model, reason);
            return Err(error.with_input(input));
        }
        let engine = self.plans.engine(&given).map_err(|error| {
            let text = error.to_string();
            let reason = text.strip_prefix(&format!("{model}: ")).unwrap_or(&text);
            failed(reason.to_owned()).with_source(error)
        })?;
        let outputs = infer::run(&self.plans.blueprint, &engine, &given).map_err(|failure| {
            let error = RunError::new(failure.kind, model, failure.reason);
            match failure.input {
                Some(input) => error.with_input(&input),
                None => error,
            }
        })?;
        outputs::in_order(outputs, &self.info, &inputs).map_err(failed)
    }
}
