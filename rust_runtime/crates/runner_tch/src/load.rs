use std::num::NonZero;

use runner_core::{
    Device, Dim, LoadError, LoadErrorKind, ModelInfo, ModelSource, RunnerConfig, TensorSpec,
};

use crate::{
    NAME, TchRunner, archive,
    module::{Module, Settings, line},
    script::Script,
    spec::{self, Outputs},
    tensor,
};

/// Signs in LibTorch's messages of a file that is whole but needs another LibTorch.
const LACKING: [&str; 4] =
    ["Unknown builtin op", "Unknown type name", "maximum supported version", "custom class"];

pub(crate) fn load(config: &RunnerConfig, version: String) -> Result<TchRunner, LoadError> {
    let name = config.source.name();
    let description = archive::read(config)?;
    let described = spec::describe(config, description)?;
    let threads = config
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get));
    let device = match config.device {
        Device::Cpu => tch::Device::Cpu,
        Device::Cuda(index) => tch::Device::Cuda(index as usize),
    };
    let settings = Settings {
        threads: i32::try_from(threads).unwrap_or(i32::MAX),
        optimize: config.optimize,
        on_cuda: config.device != Device::Cpu,
    };
    let module = Module { script: open(config, device)?, device, settings };
    let outputs = match described.outputs {
        Outputs::Known(outputs) => outputs,
        Outputs::MeasuredOn(shape) => measured(&name, &module, &shape)?,
    };
    let info = ModelInfo {
        model: name,
        backend: NAME.to_owned(),
        backend_version: version,
        inputs: described.inputs,
        outputs,
        threads,
        device: config.device,
        axes: described.axes,
    };
    Ok(TchRunner { info, module })
}

/// From the file itself where LibTorch can name it: it then reads one weight at a time.
fn open(config: &RunnerConfig, device: tch::Device) -> Result<Script, LoadError> {
    let path = match &config.source {
        ModelSource::Path(path) => path.to_str(),
        ModelSource::Bytes { .. } => None,
    };
    let script = match path {
        Some(path) => Script::from_file(path, device),
        None => Script::from_bytes(&config.bytes()?, device),
    };
    script.map_err(|text| refused(&config.source.name(), &text))
}

fn refused(name: &str, text: &str) -> LoadError {
    let (kind, what) = if LACKING.iter().any(|sign| text.contains(sign)) {
        (LoadErrorKind::Unsupported, "this LibTorch cannot run it")
    } else if text.contains("out of memory") || text.contains("CUDA error") {
        (LoadErrorKind::DeviceUnavailable, "the device cannot take it")
    } else {
        (LoadErrorKind::Corrupt, "not a TorchScript file")
    };
    LoadError::new(kind, name, format!("{what}: {}", line(text)))
}

/// The outputs of a run on zeros, named as the Python runner names them.
fn measured(name: &str, module: &Module, shape: &[usize]) -> Result<Vec<TensorSpec>, LoadError> {
    let refuse = |message| LoadError::new(LoadErrorKind::ShapeMismatch, name, message);
    let outputs = module
        .run_on_zeros(shape)
        .map_err(|why| refuse(format!("it does not run on f32 {shape:?}: {why}")))?;
    let single = outputs.len() == 1;
    let spec = |(index, output): (usize, &tch::Tensor)| {
        let dtype = tensor::dtype(output)
            .map_err(|why| LoadError::new(LoadErrorKind::Unsupported, name, why))?;
        let name = if single { "output".to_owned() } else { format!("output_{index}") };
        let dims = output.size().iter().map(|&length| Dim::Fixed(length as usize)).collect();
        Ok(TensorSpec { name, dtype, dims })
    };
    outputs.iter().enumerate().map(spec).collect()
}
