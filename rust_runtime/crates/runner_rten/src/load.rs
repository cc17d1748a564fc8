use std::collections::HashMap;

use rten::{
    Dimension, LoadError as RtenError, LoadErrorKind as RtenErrorKind, Model, ModelOptions,
};
use runner_core::{
    Device, Dim, LoadError, LoadErrorKind, ModelInfo, RunnerConfig,
    onnx::{ExternalData, OnnxModel, Signature, TensorSpecHint, relocated},
};

use crate::{NAME, RtenRunner, VERSION, tensor, thread_pool};

pub(crate) fn load(config: &RunnerConfig, prepack: bool) -> Result<RtenRunner, LoadError> {
    let name = config.source.name();
    let bytes = config.bytes()?;
    let declared = OnnxModel::read(&name, &bytes)?;
    let external = ExternalData::resolve(config, &declared)?;
    let signature = Signature::new(config, &declared)?;
    let mut options = ModelOptions::with_all_ops();
    options.enable_optimization(config.optimize).prepack_weights(prepack);
    let bytes = given(&name, &bytes, &external, &mut options)?;
    let model = options.load(bytes).map_err(|error| refused(&name, &declared, error))?;
    let outputs = signature.outputs(config, &declared, &known_outputs(&model))?;
    check_dtypes(&name, signature.inputs.iter().chain(&outputs))?;
    let inputs = signature
        .inputs
        .iter()
        .map(|spec| model.node_id(&spec.name))
        .collect::<Result<_, _>>()
        .map_err(|error| {
            LoadError::new(LoadErrorKind::Unsupported, &name, error.to_string()).with_source(error)
        })?;
    let (pool, threads) = thread_pool(config.threads);
    let info = ModelInfo {
        model: name,
        backend: NAME.to_owned(),
        backend_version: VERSION.to_owned(),
        inputs: signature.inputs,
        outputs,
        threads,
        device: Device::Cpu,
    };
    let output_nodes = model.output_ids().to_vec();
    Ok(RtenRunner { info, model, inputs, outputs: output_nodes, pool })
}

/// The model's content, and its external data in the options.
///
/// rten takes only some names of files, wherever the data comes from, so each gets a new one.
fn given(
    model: &str,
    bytes: &[u8],
    external: &ExternalData,
    options: &mut ModelOptions,
) -> Result<Vec<u8>, LoadError> {
    if external.files.is_empty() {
        return Ok(bytes.to_vec());
    }
    let mut names = HashMap::new();
    for (index, (location, file)) in external.files.iter().enumerate() {
        let data = std::fs::read(file).map_err(|error| {
            let message = format!("external data {location:?}: {error}");
            LoadError::new(LoadErrorKind::Unreadable, model, message)
        })?;
        let name = format!("{index}.data");
        options.external_data(&name, data);
        names.insert(location.as_str(), name);
    }
    relocated(model, bytes, &|location| names.get(location).cloned().unwrap_or_default())
}

fn check_dtypes<'a>(
    name: &str,
    mut specs: impl Iterator<Item = &'a runner_core::TensorSpec>,
) -> Result<(), LoadError> {
    match specs.find(|spec| !tensor::takes(spec.dtype)) {
        None => Ok(()),
        Some(spec) => Err(LoadError::new(
            LoadErrorKind::Unsupported,
            name,
            format!("{:?} is {}, which rten has not", spec.name, spec.dtype),
        )),
    }
}

fn known_outputs(model: &Model) -> Vec<TensorSpecHint> {
    let dim = |dim: Dimension| match dim {
        Dimension::Fixed(length) => Some(Dim::Fixed(length)),
        Dimension::Symbolic(name) => Some(Dim::Symbol(name)),
    };
    let hint = |&id: &rten::NodeId| TensorSpecHint {
        // rten stores i64 and bool as i32, so its own type says nothing about the model's.
        dtype: None,
        dims: model
            .node_info(id)
            .and_then(|node| node.shape())
            .map(|dims| dims.into_iter().map(dim).collect()),
    };
    model.output_ids().iter().map(hint).collect()
}

fn refused(name: &str, declared: &OnnxModel, error: RtenError) -> LoadError {
    let kind = match error.kind() {
        RtenErrorKind::IoError | RtenErrorKind::ExternalDataError => LoadErrorKind::Unreadable,
        RtenErrorKind::OperatorInvalid | RtenErrorKind::FormatNotEnabled => {
            LoadErrorKind::Unsupported
        }
        _ => LoadErrorKind::Corrupt,
    };
    let operator = error.node().and_then(|node| declared.operator_of(node));
    let message = match operator {
        Some(operator) => format!("operator {operator}: {error}"),
        None => error.to_string(),
    };
    LoadError::new(kind, name, message).with_source(error)
}
