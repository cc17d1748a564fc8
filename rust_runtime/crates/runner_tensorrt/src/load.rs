use std::{io, path::PathBuf};

use runner_core::{
    DType, Device, Dim, LoadError, LoadErrorKind, ModelInfo, ModelSource, Precision, RunnerConfig,
    TensorSpec,
    onnx::{ExternalData, OnnxModel, Signature, TensorSpecHint},
};

use crate::{
    NAME, TensorRtRunner, cache,
    engine::{self, Blueprint, Facts, Part},
    infer::{self, Given},
    plans::Plans,
    settings::Settings,
    shapes::Profile,
    tensor::{self, zeros},
    tools::Ready,
};

pub(crate) fn load(
    config: &RunnerConfig,
    ready: Ready,
    settings: Settings,
) -> Result<TensorRtRunner, LoadError> {
    let name = config.source.name();
    let bytes = config.bytes()?;
    let declared = OnnxModel::read(&name, &bytes)?;
    let external = ExternalData::resolve(config, &declared)?;
    let signature = Signature::new(config, &declared)?;
    check_names(&name, &declared)?;
    check_dtypes(&name, &signature, &declared)?;
    let facts = facts_of(&signature, &declared);
    check_int8(&name, facts, &settings)?;
    let path = file_of(config, &bytes, &settings)?;
    let parts = parts(&name, path, &bytes, &external, &settings)?;
    drop(bytes);
    let open: Vec<bool> = declared.inputs.iter().map(is_open).collect();
    let profile = profile(&name, &signature, &open, &settings)?;
    let gpu = gpu_of(config)?;
    let version = ready.version;
    let blueprint = Blueprint { model: name.clone(), ready, gpu, settings, facts, parts };
    let plans = Plans::new(blueprint, profile, open);
    let known = known_outputs(&plans, &signature, &declared)?;
    let info = ModelInfo {
        model: name,
        backend: NAME.to_owned(),
        backend_version: version.to_string(),
        outputs: signature.outputs(config, &declared, &known)?,
        inputs: signature.inputs,
        threads: 1,
        device: config.device,
        axes: signature.axes,
    };
    Ok(TensorRtRunner { info, plans })
}

fn file_of(config: &RunnerConfig, bytes: &[u8], settings: &Settings) -> Result<PathBuf, LoadError> {
    match &config.source {
        ModelSource::Path(path) => Ok(path.clone()),
        ModelSource::Bytes { name, .. } => cache::model(&settings.cache, bytes).map_err(|error| {
            let message = format!(
                "it cannot be written for trtexec into {}: {error}",
                settings.cache.display()
            );
            LoadError::new(LoadErrorKind::Unreadable, name, message)
        }),
    }
}

fn gpu_of(config: &RunnerConfig) -> Result<u32, LoadError> {
    match config.device {
        Device::Cuda(gpu) => Ok(gpu),
        Device::Cpu => {
            let message = "TensorRT runs on cuda:N, not on cpu";
            Err(LoadError::new(LoadErrorKind::DeviceUnavailable, &config.source.name(), message))
        }
    }
}

/// Whether the file leaves axes of the input open.
fn is_open(input: &runner_core::onnx::Declared) -> bool {
    let symbolic = |dim: &Dim| matches!(dim, Dim::Symbol(_));
    input.dims.as_ref().is_none_or(|dims| dims.iter().any(symbolic))
}

fn check_names(name: &str, declared: &OnnxModel) -> Result<(), LoadError> {
    let inputs = declared.inputs.iter().map(|input| input.name.as_str());
    let outputs = declared.outputs.iter().map(|output| output.name.as_str());
    infer::check_names(inputs, outputs)
        .map_err(|reason| LoadError::new(LoadErrorKind::Unsupported, name, reason))
}

fn check_dtypes(name: &str, signature: &Signature, declared: &OnnxModel) -> Result<(), LoadError> {
    let inputs = signature.inputs.iter().map(|spec| (&spec.name, spec.dtype));
    let outputs = declared.outputs.iter().filter_map(|output| Some((&output.name, output.dtype?)));
    match inputs.chain(outputs).find(|(_, dtype)| !tensor::takes(*dtype)) {
        None => Ok(()),
        Some((value, dtype)) => {
            let message = format!("{value:?} is {dtype}, which trtexec does not carry unchanged");
            Err(LoadError::new(LoadErrorKind::Unsupported, name, message))
        }
    }
}

fn facts_of(signature: &Signature, declared: &OnnxModel) -> Facts {
    let half = |dtype: Option<DType>| dtype == Some(DType::F16);
    let quantises = |operator: &str| matches!(operator, "QuantizeLinear" | "DequantizeLinear");
    Facts {
        half: signature.inputs.iter().any(|spec| half(Some(spec.dtype)))
            || declared.outputs.iter().any(|output| half(output.dtype)),
        quantised: declared.nodes.iter().any(|node| quantises(&node.operator)),
    }
}

fn check_int8(name: &str, facts: Facts, settings: &Settings) -> Result<(), LoadError> {
    let calibrated = facts.quantised || settings.calibration.is_some();
    if settings.precision != Precision::Int8 || calibrated {
        return Ok(());
    }
    let message = "int8 needs scales, and trtexec would make them up: quantise the model \
                   (QuantizeLinear and DequantizeLinear nodes), or give option calibration_cache";
    Err(LoadError::new(LoadErrorKind::InvalidOption, name, message))
}

fn parts(
    name: &str,
    path: PathBuf,
    bytes: &[u8],
    external: &ExternalData,
    settings: &Settings,
) -> Result<Vec<Part>, LoadError> {
    let unreadable = |what: &str, error: &io::Error| {
        LoadError::new(LoadErrorKind::Unreadable, name, format!("{what}: {error}"))
    };
    let locations: Vec<&str> =
        external.files.iter().map(|(location, _)| location.as_str()).collect();
    let place = engine::place_of_model(&locations);
    let mut parts = vec![Part { place, file: path, digest: cache::digest_of_bytes(bytes) }];
    for (location, file) in &external.files {
        let digest = cache::digest_of(file)
            .map_err(|error| unreadable(&format!("external data {location:?}"), &error))?;
        let place = engine::place_of_data(location);
        parts.push(Part { place, file: file.clone(), digest });
    }
    if let Some(file) = &settings.calibration {
        let part = engine::calibration_part(file).map_err(|error| {
            unreadable(&format!("calibration_cache {}", file.display()), &error)
        })?;
        parts.push(part);
    }
    Ok(parts)
}

/// The shapes that are known now: those that are fixed, or the ranges of the options.
fn profile(
    name: &str,
    signature: &Signature,
    open: &[bool],
    settings: &Settings,
) -> Result<Option<Profile>, LoadError> {
    let refused = |reason| LoadError::new(LoadErrorKind::InvalidOption, name, reason);
    let inputs = signature.inputs.iter().zip(open).filter(|(_, open)| **open);
    let inputs: Vec<&TensorSpec> = inputs.map(|(spec, _)| spec).collect();
    match (signature.shapes(), &settings.shapes) {
        (Some(_), Some(_)) => Err(refused(
            "options min_shapes, opt_shapes and max_shapes are for symbolic axes: every axis of \
             this model is fixed"
                .to_owned(),
        )),
        (Some(_), None) => Ok(Some(Profile::fixed(inputs.into_iter().map(fixed).collect()))),
        (None, Some([least, best, most])) => {
            Profile::ranged(&inputs, [least, best, most]).map(Some).map_err(refused)
        }
        (None, None) => Ok(None),
    }
}

fn fixed(spec: &TensorSpec) -> (String, Vec<usize>) {
    let length = |dim: &Dim| match dim {
        Dim::Fixed(length) => *length,
        Dim::Symbol(_) => unreachable!("every axis is fixed"),
    };
    (spec.name.clone(), spec.dims.iter().map(length).collect())
}

/// Whether an output has no type, no shape, or an axis that no input has.
fn says_too_little(declared: &OnnxModel) -> bool {
    let axes: Vec<&Dim> = declared.inputs.iter().flat_map(|it| it.dims.iter().flatten()).collect();
    let unknown = |dim: &Dim| matches!(dim, Dim::Symbol(_)) && !axes.contains(&dim);
    declared.outputs.iter().any(|output| {
        output.dtype.is_none() || output.dims.as_ref().is_none_or(|dims| dims.iter().any(unknown))
    })
}

/// Builds what can be built now. Where the file says too little of its outputs, they are learnt
/// from one run on zeros.
fn known_outputs(
    plans: &Plans,
    signature: &Signature,
    declared: &OnnxModel,
) -> Result<Vec<TensorSpecHint>, LoadError> {
    let model = &plans.blueprint.model;
    let engine = plans.now()?;
    let (Some(engine), Some(shapes), true) =
        (engine, signature.shapes(), says_too_little(declared))
    else {
        return Ok(Vec::new());
    };
    let specs = signature.inputs.iter().zip(&shapes);
    let tensors: Vec<_> = specs.map(|(spec, shape)| zeros(spec.dtype, shape)).collect();
    let given: Vec<Given<'_>> = plans.given(&signature.inputs, &tensors);
    let outputs = infer::run(&plans.blueprint, &engine, &given).map_err(|failure| {
        let message = format!("a first run to learn the outputs failed: {}", failure.reason);
        LoadError::new(LoadErrorKind::Unsupported, model, message)
    })?;
    let hint = |name: &str| {
        let found = outputs.iter().find(|output| output.name == name);
        found.map_or_else(TensorSpecHint::default, |output| TensorSpecHint {
            dtype: Some(output.dtype()),
            dims: Some(output.dims.iter().map(|&length| Some(Dim::Fixed(length))).collect()),
        })
    };
    Ok(declared.outputs.iter().map(|output| hint(&output.name)).collect())
}
