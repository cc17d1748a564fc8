//! What ONNX Runtime refuses comes back by kind.

use std::{env, process::Command};

use runner_core::{
    Dim, LoadError, LoadErrorKind, RunErrorKind, Runner, RunnerConfig, Tensor,
    ndarray::{ArrayD, IxDyn},
};
use runner_ort::OrtRunner;

use crate::onnx::{Element, Model, Value, one_node};

fn load(model: &Model<'_>) -> Result<OrtRunner, LoadError> {
    OrtRunner::from_config(&RunnerConfig::from_bytes("m.onnx", model.bytes()))
}

fn floats<'a>(name: &'a str, dims: &'a [&'a str]) -> Value<'a> {
    Value { name, element: Element::Float, dims: Some(dims) }
}

fn product() -> [Value<'static>; 2] {
    [floats("x", &["n", "k"]), floats("w", &["3", "2"])]
}

#[test]
fn given_shapes_reach_the_engine_and_are_to_blame_where_they_cannot_be() {
    let inputs = product();
    let model = one_node("MatMul", &inputs, floats("y", &["n", "2"]));
    let with = |shape: &[usize]| {
        let mut config = RunnerConfig::from_bytes("m.onnx", model.bytes());
        config.input_shapes.insert("x".to_owned(), shape.to_vec());
        OrtRunner::from_config(&config)
    };
    let fitting = with(&[5, 3]).unwrap();
    assert_eq!(fitting.info().outputs[0].dims, [Dim::Fixed(5), Dim::Fixed(2)]);
    let error = with(&[5, 4]).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::ShapeMismatch, "{error}");
    assert!(error.to_string().contains("operator MatMul"), "{error}");
}

#[test]
fn a_graph_that_contradicts_itself_is_corrupt_without_given_shapes() {
    let inputs = [floats("x", &["4", "5"]), floats("w", &["3", "2"])];
    let error = load(&one_node("MatMul", &inputs, floats("y", &["4", "2"]))).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Corrupt, "{error}");
}

#[test]
fn a_newer_format_or_opset_is_unsupported() {
    let inputs = [floats("x", &["4"])];
    let model = |ir_version, opset| {
        let made = one_node("Sin", &inputs, floats("y", &["4"]));
        Model { ir_version, opset, ..made }
    };
    load(&model(8, 17)).unwrap();
    for newer in [model(200, 17), model(8, 200)] {
        let error = load(&newer).unwrap_err();
        assert_eq!(error.kind(), LoadErrorKind::Unsupported, "{error}");
        assert!(
            error.to_string().contains("200") && !error.to_string().contains(".cc:"),
            "{error}"
        );
    }
}

#[test]
fn an_output_whose_axes_nobody_knows_is_unsupported_and_no_scalar() {
    let shape = Value { name: "s", element: Element::Int64, dims: Some(&["n"]) };
    let inputs = [floats("x", &["4"]), shape];
    let output = Value { name: "y", element: Element::Float, dims: None };
    let error = load(&one_node("Reshape", &inputs, output)).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Unsupported, "{error}");
}

#[test]
fn a_declared_scalar_is_a_scalar() {
    let inputs = [floats("x", &["4"])];
    let runner = load(&one_node("ReduceMax", &inputs, floats("y", &["1"]))).unwrap();
    assert_eq!(runner.info().outputs[0].dims, [Dim::Fixed(1)]);
    let inputs = [floats("x", &[])];
    let runner = load(&one_node("Neg", &inputs, floats("y", &[]))).unwrap();
    let one = Tensor::from(ArrayD::from_elem(IxDyn(&[]), 1.0_f32));
    let outputs = runner.run_named(vec![("x".to_owned(), one)]).unwrap();
    assert_eq!(outputs[0].1, Tensor::from(ArrayD::from_elem(IxDyn(&[]), -1.0_f32)));
}

/// Takes the element that `i` names; an index beyond the end is found at run time only.
fn gather() -> OrtRunner {
    let index = Value { name: "i", element: Element::Int64, dims: Some(&["1"]) };
    load(&one_node("Gather", &[floats("x", &["3"]), index], floats("y", &["1"]))).unwrap()
}

fn at(index: i64) -> Vec<(String, Tensor)> {
    let x = ArrayD::from_shape_vec(IxDyn(&[3]), vec![1.0_f32, 2.0, 3.0]).unwrap();
    let index = ArrayD::from_elem(IxDyn(&[1]), index);
    vec![("x".to_owned(), x.into()), ("i".to_owned(), index.into())]
}

/// What the child does; it runs nothing where it is not started as one.
#[test]
fn child() {
    if env::var_os("OXV_ORT_CHILD").is_none() {
        return;
    }
    let runner = gather();
    let error = runner.run_named(at(7)).unwrap_err();
    assert_eq!(error.kind(), RunErrorKind::EngineFailed);
    assert!(error.to_string().contains("Gather"), "{error}");
    let two = Tensor::from(ArrayD::from_elem(IxDyn(&[1]), 2.0_f32));
    assert_eq!(runner.run_named(at(1)).unwrap()[0].1, two, "the next run fails too");
    assert!(load(&one_node("Frobnicate", &[floats("x", &["4"])], floats("y", &["4"]))).is_err());
}

#[test]
fn a_run_that_fails_is_an_error_of_that_run_and_the_engine_prints_nothing() {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "faults::child", "--nocapture"])
        .env("OXV_ORT_CHILD", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    assert_eq!(said, "");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(!said.contains("onnxruntime"), "{said}");
}
