//! Proves that inputs and outputs keep their names, order, types and shapes on graphs that OpenVINO
//! joins, folds or rearranges. Needs the library, as every user of the engine does.

use runner_core::{
    DType, Dim, LoadErrorKind, RunErrorKind, Runner, RunnerConfig, Tensor,
    ndarray::{ArrayD, IxDyn},
};
use runner_openvino::{OpenvinoRunner, load_from_bytes};

mod onnx;

use onnx::{Graph, fixed, symbolic};

fn load(graph: &Graph<'_>) -> OpenvinoRunner {
    load_from_bytes("graph", &graph.bytes()).unwrap()
}

fn array<T: Clone>(shape: &[usize], values: &[T]) -> ArrayD<T> {
    ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).unwrap()
}

fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    array(shape, values).into()
}

/// Runs a graph and compares every output, names and order included.
fn gives(graph: &Graph<'_>, inputs: &[(&str, Tensor)], outputs: &[(&str, Tensor)]) {
    let named = |tensors: &[(&str, Tensor)]| -> Vec<(String, Tensor)> {
        tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect()
    };
    let runner = load(graph);
    for _ in 0..2 {
        assert_eq!(runner.run_named(named(inputs)).unwrap(), named(outputs));
    }
}

#[test]
fn outputs_that_are_inputs_or_one_value_keep_their_order() {
    let graph = Graph {
        nodes: &[
            ("Identity", &["x"], "same"),
            ("Add", &["x", "x"], "sum"),
            ("Relu", &["x"], "a"),
            ("Identity", &["a"], "b"),
        ],
        inputs: &[fixed("x", DType::F32, &[2])],
        outputs: &["sum", "b", "x", "a", "same"].map(|name| fixed(name, DType::F32, &[2])),
        ..Graph::default()
    };
    let (x, relu) = (floats(&[2], &[-1.0, 3.0]), floats(&[2], &[0.0, 3.0]));
    let sum = floats(&[2], &[-2.0, 6.0]);
    let outputs =
        [("sum", sum), ("b", relu.clone()), ("x", x.clone()), ("a", relu), ("same", x.clone())];
    gives(&graph, &[("x", x)], &outputs);
}

#[test]
fn inputs_go_by_name_and_one_that_nothing_uses_is_still_an_input() {
    let graph = Graph {
        nodes: &[("Sub", &["a", "b"], "y")],
        inputs: &["z", "b", "unused", "a"].map(|name| fixed(name, DType::F32, &[1])),
        outputs: &[fixed("y", DType::F32, &[1])],
        ..Graph::default()
    };
    let inputs = [("a", 5.0), ("b", 3.0), ("z", 0.0), ("unused", 1.0)];
    let inputs = inputs.map(|(name, value)| (name, floats(&[1], &[value])));
    gives(&graph, &inputs, &[("y", floats(&[1], &[2.0]))]);
}

#[test]
fn scalars_and_empty_tensors_cross() {
    let graph = |shape| Graph {
        nodes: &[("Add", &["x", "x"], "y")],
        inputs: vec![fixed("x", DType::F32, shape)].leak(),
        outputs: vec![fixed("y", DType::F32, shape)].leak(),
        ..Graph::default()
    };
    gives(&graph(&[]), &[("x", floats(&[], &[4.0]))], &[("y", floats(&[], &[8.0]))]);
    gives(&graph(&[0, 3]), &[("x", floats(&[0, 3], &[]))], &[("y", floats(&[0, 3], &[]))]);
}

#[test]
fn constants_are_outputs_too_even_without_inputs() {
    let graph = Graph {
        nodes: &[("Neg", &["c"], "negative")],
        constants: &[("c", &[2], &[1.5, -2.0])],
        outputs: &["negative", "c"].map(|name| fixed(name, DType::F32, &[2])),
        ..Graph::default()
    };
    let outputs = [("negative", floats(&[2], &[-1.5, 2.0])), ("c", floats(&[2], &[1.5, -2.0]))];
    gives(&graph, &[], &outputs);
}

#[test]
fn outputs_may_be_as_long_as_the_values_say() {
    let graph = Graph {
        nodes: &[("NonZero", &["x"], "y")],
        inputs: &[fixed("x", DType::F32, &[4])],
        outputs: &[symbolic("y", DType::I64, &["1", "found"])],
        ..Graph::default()
    };
    let runner = load(&graph);
    let run = |values: &[f32]| {
        let inputs = vec![("x".to_owned(), floats(&[4], values))];
        runner.run_named(inputs).unwrap().remove(0).1
    };
    assert_eq!(run(&[0.0, 1.0, 0.0, 2.0]), array(&[1, 2], &[1_i64, 3]).into());
    assert_eq!(run(&[0.0; 4]), array::<i64>(&[1, 0], &[]).into());
    assert_eq!(run(&[1.0; 4]), array(&[1, 4], &[0_i64, 1, 2, 3]).into());
}

/// Extremes of every type that the engine says it takes, moved and not computed with.
#[test]
fn every_value_of_every_type_crosses_unchanged() {
    fn moved<T>(dtype: DType, values: &[T])
    where
        T: Clone,
        Tensor: From<ArrayD<T>>,
    {
        let count = values.len();
        let graph = Graph {
            nodes: &[("Transpose", &["x"], "y")],
            inputs: &[fixed("x", dtype, &[1, count])],
            outputs: &[fixed("y", dtype, &[count, 1])],
            ..Graph::default()
        };
        let column = Tensor::from(array(&[count, 1], values));
        gives(&graph, &[("x", array(&[1, count], values).into())], &[("y", column)]);
    }
    let halves = [1.0, -65504.0, 6e-8, f32::INFINITY].map(runner_core::f16::from_f32);
    moved(DType::F32, &[f32::MIN, f32::MIN_POSITIVE, -0.0, f32::INFINITY, 16_777_217.0]);
    moved(DType::F16, &halves);
    moved(DType::I8, &[i8::MIN, -1, 0, i8::MAX]);
    moved(DType::U8, &[0, 1, 128, u8::MAX]);
    moved(DType::I32, &[i32::MIN, -16_777_217, 16_777_217, i32::MAX]);
    moved(DType::I64, &[i64::from(i32::MIN), -16_777_217, 16_777_217, i64::from(i32::MAX)]);
    moved(DType::Bool, &[true, false]);
}

#[test]
fn an_i64_beyond_i32_is_refused_by_name_and_the_next_run_works() {
    let graph = Graph {
        nodes: &[("Add", &["x", "x"], "y")],
        inputs: &[fixed("x", DType::I64, &[1])],
        outputs: &[fixed("y", DType::I64, &[1])],
        ..Graph::default()
    };
    let runner = load(&graph);
    let run = |value: i64| runner.run_named(vec![("x".to_owned(), array(&[1], &[value]).into())]);
    let error = run(1 << 40).unwrap_err();
    assert_eq!((error.kind(), error.input()), (RunErrorKind::DtypeMismatch, Some("x")));
    assert_eq!(run(21).unwrap()[0].1, array(&[1], &[42_i64]).into());
}

#[test]
fn f64_is_refused_at_load() {
    let graph = Graph {
        nodes: &[("Add", &["x", "x"], "y")],
        inputs: &[fixed("x", DType::F64, &[1])],
        outputs: &[fixed("y", DType::F64, &[1])],
        ..Graph::default()
    };
    let error = load_from_bytes("doubles", &graph.bytes()).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Unsupported);
    assert!(error.to_string().contains("f64"), "{error}");
}

#[test]
fn outputs_follow_the_symbols_of_the_inputs_only_where_they_are_the_same() {
    let graph = Graph {
        nodes: &[("Relu", &["x"], "y"), ("Concat", &["x", "x"], "twice")],
        inputs: &[symbolic("x", DType::F32, &["rows", "3"])],
        outputs: &[
            symbolic("y", DType::F32, &["", "3"]),
            symbolic("twice", DType::F32, &["", "3"]),
        ],
        ..Graph::default()
    };
    let dims = |runner: &OpenvinoRunner| {
        let outputs = &runner.info().outputs;
        outputs.iter().map(|spec| spec.dims[0].clone()).collect::<Vec<_>>()
    };
    let symbol = |name: &str| Dim::Symbol(name.to_owned());
    assert_eq!(dims(&load(&graph)), [symbol("rows"), symbol("twice_0")]);

    let mut config = RunnerConfig::from_bytes("graph", graph.bytes());
    config.input_shapes.insert("x".to_owned(), vec![5, 3]);
    let runner = OpenvinoRunner::from_config(&config).unwrap();
    assert_eq!(dims(&runner), [Dim::Fixed(5), Dim::Fixed(10)]);
}

#[test]
fn a_shape_that_the_graph_cannot_have_is_the_users_fault() {
    let graph = Graph {
        nodes: &[("Add", &["x", "c"], "y")],
        constants: &[("c", &[2], &[1.0, 2.0])],
        inputs: &[symbolic("x", DType::F32, &["n"])],
        outputs: &[symbolic("y", DType::F32, &["n"])],
    };
    let mut config = RunnerConfig::from_bytes("graph", graph.bytes());
    config.input_shapes.insert("x".to_owned(), vec![5]);
    let error = OpenvinoRunner::from_config(&config).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::ShapeMismatch);
    assert!(!error.to_string().contains(".cpp"), "{error}");
    let two = floats(&[2], &[1.0, 1.0]);
    gives(&graph, &[("x", two)], &[("y", floats(&[2], &[2.0, 3.0]))]);
    let three = vec![("x".to_owned(), floats(&[3], &[1.0; 3]))];
    let error = load(&graph).run_named(three).unwrap_err();
    assert_eq!(error.kind(), RunErrorKind::ShapeMismatch);
    assert!(!error.to_string().contains('\n') && !error.to_string().contains(".cpp"), "{error}");
}
