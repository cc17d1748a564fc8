//! What clients and hostile senders put on the wire, and what becomes of it.

mod binary;
mod parsing;
mod replies;
mod shapes;

use runner_core::{DType, ModelInfo, NamedTensors, Tensor};

use super::read;
use crate::{
    ErrorKind, Limits, ServerError,
    protocol::{
        Content, Parsed, Target,
        testing::{fixed, model, spec, symbol},
    },
};

/// Inputs `x` FP32 `[n, 2, 2]` and `k` UINT8 `[n]`; outputs `y` FP32 `[n, 4]` and `l` INT64 `[n]`.
fn two_inputs() -> ModelInfo {
    let inputs = vec![
        spec("x", DType::F32, vec![symbol("n"), fixed(2), fixed(2)]),
        spec("k", DType::U8, vec![symbol("n")]),
    ];
    let outputs = vec![
        spec("y", DType::F32, vec![symbol("n"), fixed(4)]),
        spec("l", DType::I64, vec![symbol("n")]),
    ];
    model(inputs, outputs)
}

/// One input `x` of this type and of any length; one output `y` like it.
fn one_input(dtype: DType) -> ModelInfo {
    let tensor = |name| spec(name, dtype, vec![symbol("n")]);
    model(vec![tensor("x")], vec![tensor("y")])
}

fn target(info: &ModelInfo) -> Target<'_> {
    Target { name: "m", version: "1", info, pictures: None }
}

fn with_pictures(info: &ModelInfo) -> Target<'_> {
    Target { pictures: Some("x"), ..target(info) }
}

fn read_json<'a>(body: &'a str, info: &ModelInfo) -> Result<Parsed<'a>, ServerError> {
    read(body.as_bytes(), None, &target(info), &Limits::default())
}

fn tensors(parsed: Parsed<'_>) -> NamedTensors {
    match parsed.content {
        Content::Tensors(tensors) => tensors,
        Content::Pictures(_) => panic!("pictures"),
    }
}

fn refused(body: &str, info: &ModelInfo) -> ServerError {
    let error = read_json(body, info).expect_err(body);
    assert_eq!(error.kind(), ErrorKind::BadInput, "{body}: {error}");
    assert_eq!(error.model(), Some("m"), "{body}");
    error
}

fn f32s(tensor: &Tensor) -> Vec<f32> {
    match tensor {
        Tensor::F32(array) => array.iter().copied().collect(),
        other => panic!("{}", other.dtype()),
    }
}

/// A request for [`one_input`] with this shape and data.
fn request(datatype: &str, shape: &str, data: &str) -> String {
    format!(
        r#"{{"inputs":[{{"name":"x","datatype":"{datatype}","shape":{shape},"data":{data}}}]}}"#
    )
}
