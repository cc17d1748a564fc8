//! Models for tests.

use runner_core::{DType, Device, Dim, ModelInfo, TensorSpec};

pub(crate) fn spec(name: &str, dtype: DType, dims: Vec<Dim>) -> TensorSpec {
    TensorSpec { name: name.to_owned(), dtype, dims }
}

pub(crate) fn fixed(length: usize) -> Dim {
    Dim::Fixed(length)
}

pub(crate) fn symbol(name: &str) -> Dim {
    Dim::Symbol(name.to_owned())
}

pub(crate) fn model(inputs: Vec<TensorSpec>, outputs: Vec<TensorSpec>) -> ModelInfo {
    ModelInfo {
        model: "m.onnx".to_owned(),
        backend: "echo".to_owned(),
        backend_version: "0".to_owned(),
        inputs,
        outputs,
        threads: 1,
        device: Device::Cpu,
        axes: std::collections::BTreeMap::new(),
    }
}
