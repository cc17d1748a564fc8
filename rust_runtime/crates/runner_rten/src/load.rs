use rten::{
    Dimension, LoadError as RtenError, LoadErrorKind as RtenErrorKind, Model, ModelOptions,
};
use runner_core::{
    Content, Device, Dim, LoadError, LoadErrorKind, ModelInfo, RunnerConfig,
    onnx::{ExternalData, OnnxModel, Signature, TensorSpecHint},
};

use crate::{NAME, RtenRunner, Settings, VERSION, tensor, thread_pool, weights};

pub(crate) fn load(
    config: &RunnerConfig,
    content: Content,
    settings: Settings,
) -> Result<RtenRunner, LoadError> {
    let name = config.source.name();
    let declared = OnnxModel::read(&name, &content)?;
    let external = ExternalData::resolve(config, &declared)?;
    let signature = Signature::new(config, &declared)?;
    let mut options = ModelOptions::with_all_ops();
    options.enable_optimization(config.optimize).prepack_weights(settings.prepack);
    let (bytes, mapped) = weights::given(&name, content, &external, settings, &mut options)?;
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
        axes: signature.axes,
    };
    let output_nodes = model.output_ids().to_vec();
    Ok(RtenRunner { info, model, inputs, outputs: output_nodes, pool, mapped })
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
