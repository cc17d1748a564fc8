use std::{ffi::CString, path::Path};

use ort::{
    session::{
        Session,
        builder::{AutoDevicePolicy, SessionBuilder},
    },
    value::{Outlet, ValueType},
};
use runner_core::{
    Content, Device, Dim, LoadError, LoadErrorKind, ModelInfo, RunnerConfig, TensorSpec,
    onnx::{ExternalData, OnnxModel, Signature, TensorSpecHint, named},
};

use crate::{
    NAME, OrtRunner, cuda, library::Engine, pool::More, prepared, refusal::refused, session,
    settings::Settings, tensor::dtype_of,
};

/// The form in which a session saves its graph.
const SAVED_FORMAT: &str = "session.save_model_format";
/// Where a model in memory keeps its other files; the engine looks nowhere else.
const FOLDER: &str = "session.model_external_initializers_file_folder_path";

pub(crate) fn load(
    config: &RunnerConfig,
    engine: &'static Engine,
    settings: &Settings,
) -> Result<OrtRunner, LoadError> {
    match prepared::open(config, engine)? {
        Some(file) => prepared::load(config, engine, settings, file),
        None => load_onnx(config, engine, settings, None),
    }
}

/// Loads an ONNX file, and has the optimised graph written to `out` in ORT format.
pub(crate) fn load_and_save(
    config: &RunnerConfig,
    engine: &'static Engine,
    settings: &Settings,
    out: &Path,
) -> Result<OrtRunner, LoadError> {
    load_onnx(config, engine, settings, Some(out))
}

fn load_onnx(
    config: &RunnerConfig,
    engine: &'static Engine,
    settings: &Settings,
    out: Option<&Path>,
) -> Result<OrtRunner, LoadError> {
    let name = config.source.name();
    let bytes = config.content(settings.mmap)?;
    let declared = OnnxModel::read(&name, &bytes)?;
    let external = ExternalData::resolve(config, &declared)?;
    let signature = Signature::new(config, &declared)?;
    // An event says nothing of which node it is of when the node has no name.
    let bytes = match settings.recording {
        Some(_) => Content::Owned(named(&name, &bytes)?),
        None => bytes,
    };
    let source = Source {
        engine,
        device: config.device,
        settings: settings.clone(),
        fixed: fixed_symbols(&declared, &signature),
        folder: folder_of(&name, &external)?,
        bytes,
    };
    let session = source
        .session(out)
        .map_err(|error| refused(config, &declared, !source.fixed.is_empty(), error))?;
    let runner = runner(config, engine, settings, signature, declared, session)?;
    if !wants_more(&runner.info) || source.folder.is_some() {
        return Ok(runner);
    }
    let more = More { most: settings.sessions, make: Box::new(move || source.session(None)) };
    Ok(runner.growing(more))
}

/// Whether inputs may come in several shapes, on a device where a session has plans for one.
fn wants_more(info: &ModelInfo) -> bool {
    let mut dims = info.inputs.iter().flat_map(|input| &input.dims);
    info.device != Device::Cpu && dims.any(|dim| !matches!(dim, Dim::Fixed(_)))
}

/// What sessions of one model are made of. The bytes that were checked are those that the engine
/// reads, whatever becomes of the file; of further files that cannot be said, so that such a model
/// has one session.
struct Source {
    engine: &'static Engine,
    device: Device,
    settings: Settings,
    /// The symbols that the user's shapes fix, with their lengths.
    fixed: Vec<(String, usize)>,
    /// The folder of the model's other files, where it has such files.
    folder: Option<String>,
    bytes: Content,
}

impl Source {
    /// Makes a session, and has the graph as it is optimised written to `out`.
    fn session(&self, out: Option<&Path>) -> ort::Result<Session> {
        let mut builder = builder(self.engine, self.device, &self.settings)?;
        for (name, length) in &self.fixed {
            let length = i64::try_from(*length).unwrap_or(i64::MAX);
            builder = builder.with_dimension_override(name, length)?;
        }
        if let Some(folder) = &self.folder {
            builder = builder.with_config_entry(FOLDER, folder)?;
        }
        if let Some(out) = out {
            builder = builder.with_config_entry(SAVED_FORMAT, "ORT")?;
            builder = builder.with_optimized_model_path(out)?;
        }
        builder.commit_from_memory(&self.bytes)
    }
}

/// The runner of a session that is made.
pub(crate) fn runner(
    config: &RunnerConfig,
    engine: &Engine,
    settings: &Settings,
    signature: Signature,
    declared: OnnxModel,
    session: Session,
) -> Result<OrtRunner, LoadError> {
    let name = config.source.name();
    let outputs = signature.outputs(config, &declared, &known(session.outputs()))?;
    let input_names = names(&name, &signature.inputs, session.inputs())?;
    let output_names = names(&name, &outputs, session.outputs())?;
    let info = ModelInfo {
        model: name,
        backend: NAME.to_owned(),
        backend_version: engine.version.clone(),
        inputs: signature.inputs,
        outputs,
        threads: settings.threads,
        device: config.device,
        axes: signature.axes,
    };
    let takes_turns = config.device != Device::Cpu;
    let session = session::Session::new(session, input_names, output_names, takes_turns);
    Ok(OrtRunner { info, session, declared, config: config.clone() })
}

pub(crate) fn builder(
    engine: &Engine,
    device: Device,
    settings: &Settings,
) -> ort::Result<SessionBuilder> {
    // Without a provider of its own, a session takes the one that the policy likes best, which
    // need not be the CPU's.
    let mut builder = SessionBuilder::new(&engine.environment)?
        .with_auto_device(AutoDevicePolicy::PreferCPU)?
        .with_optimization_level(settings.optimization)?
        .with_intra_threads(settings.threads)?
        .with_inter_threads(1)?;
    if let Some(enable) = settings.memory_pattern {
        builder = builder.with_memory_pattern(enable)?;
    }
    if let Some(enable) = settings.spinning {
        builder = builder.with_intra_op_spinning(enable)?;
    }
    if let Some(recording) = &settings.recording {
        builder = builder
            .with_profiling(recording.times())?
            .with_optimized_model_path(recording.graph())?;
    }
    match device {
        Device::Cpu => Ok(builder),
        Device::Cuda(index) => {
            Ok(builder.with_execution_providers([cuda::provider(index, settings.tf32)])?)
        }
    }
}

/// The symbols that the user's shapes fix, with their lengths.
fn fixed_symbols(declared: &OnnxModel, signature: &Signature) -> Vec<(String, usize)> {
    let dims = declared.inputs.iter().zip(&signature.inputs);
    dims.flat_map(|(input, spec)| input.dims.iter().flatten().zip(&spec.dims))
        .filter_map(|pair| match pair {
            (Dim::Symbol(name), Dim::Fixed(length)) => Some((name.clone(), *length)),
            _ => None,
        })
        .collect()
}

/// The folder of the model's other files, where it has such files.
fn folder_of(name: &str, external: &ExternalData) -> Result<Option<String>, LoadError> {
    let Some(folder) = external.folder.as_ref().filter(|_| !external.files.is_empty()) else {
        return Ok(None);
    };
    let refuse = |reason: String| {
        let message = format!("the folder of its external data {reason}");
        LoadError::new(LoadErrorKind::Unreadable, name, message)
    };
    let folder =
        folder.canonicalize().map_err(|error| refuse(format!("cannot be found: {error}")))?;
    let text = folder.into_os_string().into_string();
    text.map(Some).map_err(|_| refuse("has a name that is not UTF-8".to_owned()))
}

/// What the session knows of its outputs. It says "no axes" of a scalar and of an output whose
/// axes it does not know, so that counts as not known.
fn known(outputs: &[Outlet]) -> Vec<TensorSpecHint> {
    let hint = |outlet: &Outlet| match outlet.dtype() {
        ValueType::Tensor { ty, shape, dimension_symbols } => TensorSpecHint {
            dtype: dtype_of(*ty),
            dims: (!shape.is_empty()).then(|| {
                let axes = shape.iter().zip(dimension_symbols.iter());
                axes.map(|(&length, symbol)| dim_of(length, symbol)).collect()
            }),
        },
        _ => TensorSpecHint::default(),
    };
    outputs.iter().map(hint).collect()
}

fn dim_of(length: i64, symbol: &str) -> Option<Dim> {
    match usize::try_from(length) {
        Ok(length) => Some(Dim::Fixed(length)),
        Err(_) if symbol.is_empty() => None,
        Err(_) => Some(Dim::Symbol(symbol.to_owned())),
    }
}

/// The names for the engine, once it has seen the same ones in the file.
fn names(model: &str, specs: &[TensorSpec], seen: &[Outlet]) -> Result<Vec<CString>, LoadError> {
    let unfit = || {
        let message = "ONNX Runtime sees other inputs or outputs than the file declares";
        LoadError::new(LoadErrorKind::Unsupported, model, message)
    };
    if !seen.iter().map(Outlet::name).eq(specs.iter().map(|spec| spec.name.as_str())) {
        return Err(unfit());
    }
    specs.iter().map(|spec| CString::new(spec.name.as_str()).map_err(|_| unfit())).collect()
}

#[cfg(test)]
mod tests;
