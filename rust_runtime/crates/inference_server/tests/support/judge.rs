//! Models to send requests to, and what reading a request may end in. The fuzz targets use it too.

use inference_server::{
    Dialect, Limits, RequestLimits, ServerError,
    protocol::{Content, Parsed, Target},
    tensor_bytes,
};
use runner_core::{DType, Device, Dim, ModelInfo, TensorSpec};

fn spec(name: &str, dtype: DType, dims: &[Option<usize>]) -> TensorSpec {
    let dim = |length: &Option<usize>| length.map_or_else(|| Dim::Symbol("n".into()), Dim::Fixed);
    TensorSpec { name: name.to_owned(), dtype, dims: dims.iter().map(dim).collect() }
}

/// A model of these inputs, and an output in single and one in half precision.
pub(crate) fn model(inputs: Vec<TensorSpec>) -> ModelInfo {
    ModelInfo {
        model: "m.onnx".to_owned(),
        backend: "none".to_owned(),
        backend_version: "0".to_owned(),
        outputs: vec![spec("y", DType::F32, &[None, Some(4)]), spec("h", DType::F16, &[None])],
        inputs,
        threads: 1,
        device: Device::Cpu,
        axes: std::collections::BTreeMap::new(),
    }
}

/// Models of one and two inputs of several types.
pub(crate) fn models() -> Vec<ModelInfo> {
    vec![
        model(vec![spec("x", DType::F32, &[None, Some(2), Some(2)])]),
        model(vec![spec("x", DType::F32, &[None, Some(2)]), spec("k", DType::U8, &[None])]),
        model(vec![spec("x", DType::F16, &[None])]),
        model(vec![spec("x", DType::Bool, &[Some(2)]), spec("k", DType::I64, &[])]),
    ]
}

/// The model as it is served; its input `x` may take pictures.
pub(crate) fn target(info: &ModelInfo, pictures: bool) -> Target<'_> {
    Target { name: "m", version: "1", info, pictures: pictures.then_some("x") }
}

/// The usual limits, but for little memory.
pub(crate) fn limits() -> Limits {
    let request = RequestLimits { elements: 1 << 16, memory: 1 << 20, ..RequestLimits::default() };
    Limits { request, ..Limits::default() }
}

/// Panics unless reading has ended in an error of the client's or in a request that fits the model;
/// tells which.
pub(crate) fn check(
    read: Result<Parsed<'_>, ServerError>,
    info: &ModelInfo,
    limits: &Limits,
) -> bool {
    let Parsed { content, terms } = match read {
        Ok(parsed) => parsed,
        Err(error) => {
            let status = error.status(Dialect::OpenInference);
            assert!((400..500).contains(&status), "{status}: {error} ({:?})", error.detail());
            return false;
        }
    };
    match content {
        Content::Pictures(pictures) => {
            assert!((1..=limits.pictures.count).contains(&pictures.len()));
        }
        Content::Tensors(tensors) => {
            assert_eq!(tensors.len(), info.inputs.len());
            assert!(tensor_bytes(&tensors) <= limits.request.memory);
            for spec in &info.inputs {
                let (_, tensor) = tensors.iter().find(|(name, _)| *name == spec.name).unwrap();
                assert_eq!((tensor.dtype(), tensor.shape().len()), (spec.dtype, spec.dims.len()));
            }
        }
    }
    let known = |name: &String| info.outputs.iter().any(|spec| spec.name == *name);
    assert!(terms.outputs.iter().flatten().all(known));
    true
}
