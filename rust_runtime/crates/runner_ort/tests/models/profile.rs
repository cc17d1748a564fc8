//! Time by node, in more runs than one record holds, of nodes that have no names.

use std::num::NonZero;

use runner_core::{
    Runner, Tensor,
    ndarray::{ArrayD, IxDyn},
};
use runner_ort::load_from_bytes;

use crate::onnx::{Element, Model, Node, Value};

#[test]
fn every_run_counts_however_many_records_it_takes() {
    let inputs = [Value { name: "x", element: Element::Float, dims: Some(&["4"]) }];
    let node = |operator, take, make| Node { operator, takes: vec![take], makes: vec![make] };
    let nodes = vec![node("Sin", "x", "s"), node("Neg", "s", "y")];
    let outputs = vec![Value { name: "y", ..inputs[0] }];
    let model = Model { ir_version: 8, opset: 17, nodes, inputs: &inputs, outputs }.bytes();
    let runner = load_from_bytes("two", &model).unwrap();
    let input = Tensor::from(ArrayD::<f32>::zeros(IxDyn(&[4])));
    let runs = NonZero::new(10_000).unwrap();
    let nodes = runner.profile_named(vec![("x".to_owned(), input)], runs).unwrap().unwrap();
    let told: Vec<_> =
        nodes.iter().map(|node| (&*node.op_type, &*node.origins[0], node.calls)).collect();
    assert_eq!(told, [("Sin", "s", runs.get()), ("Neg", "y", runs.get())], "{nodes:?}");
}
