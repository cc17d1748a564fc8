//! Writes small ONNX files.

use runner_core::DType;

/// An operator, its inputs, its output.
pub(crate) type Node<'a> = (&'a str, &'a [&'a str], &'a str);

/// An input or an output: its name, and its type as protobuf.
pub(crate) struct Value(Vec<u8>);

/// A graph of operators that need no attributes; Concat joins along the first axis.
#[derive(Default)]
pub(crate) struct Graph<'a> {
    pub nodes: &'a [Node<'a>],
    /// Name, shape and values.
    pub constants: &'a [(&'a str, &'a [usize], &'a [f32])],
    pub inputs: &'a [Value],
    pub outputs: &'a [Value],
}

impl Graph<'_> {
    /// The whole file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut graph = Vec::new();
        for &(operator, inputs, output) in self.nodes {
            put(&mut graph, 1, &node(operator, inputs, output));
        }
        put(&mut graph, 2, b"graph");
        for &(name, shape, values) in self.constants {
            put(&mut graph, 5, &constant(name, shape, values));
        }
        for Value(input) in self.inputs {
            put(&mut graph, 11, input);
        }
        for Value(output) in self.outputs {
            put(&mut graph, 12, output);
        }
        let mut opset = Vec::new();
        number(&mut opset, 2, 14);
        let mut model = Vec::new();
        number(&mut model, 1, 8);
        put(&mut model, 7, &graph);
        put(&mut model, 8, &opset);
        model
    }
}

/// A value of this shape.
pub(crate) fn fixed(name: &str, dtype: DType, shape: &[usize]) -> Value {
    let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    symbolic(name, dtype, &dims.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A value with these axes: a length, a symbol, or nothing for a length that nobody knows.
pub(crate) fn symbolic(name: &str, dtype: DType, axes: &[&str]) -> Value {
    let mut shape = Vec::new();
    for axis in axes {
        let mut dim = Vec::new();
        match axis.parse() {
            Ok(length) => number(&mut dim, 1, length),
            Err(_) if axis.is_empty() => {}
            Err(_) => put(&mut dim, 2, axis.as_bytes()),
        }
        put(&mut shape, 1, &dim);
    }
    let (mut tensor, mut of, mut value) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut tensor, 1, element(dtype));
    put(&mut tensor, 2, &shape);
    put(&mut of, 1, &tensor);
    put(&mut value, 1, name.as_bytes());
    put(&mut value, 2, &of);
    Value(value)
}

fn element(dtype: DType) -> u64 {
    match dtype {
        DType::F32 => 1,
        DType::U8 => 2,
        DType::I8 => 3,
        DType::I32 => 6,
        DType::I64 => 7,
        DType::Bool => 9,
        DType::F16 => 10,
        DType::F64 => 11,
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut node = Vec::new();
    for input in inputs {
        put(&mut node, 1, input.as_bytes());
    }
    put(&mut node, 2, output.as_bytes());
    put(&mut node, 3, output.as_bytes());
    put(&mut node, 4, operator.as_bytes());
    if operator == "Concat" {
        let mut axis = Vec::new();
        put(&mut axis, 1, b"axis");
        number(&mut axis, 3, 0);
        number(&mut axis, 20, 2);
        put(&mut node, 5, &axis);
    }
    node
}

fn constant(name: &str, shape: &[usize], values: &[f32]) -> Vec<u8> {
    let mut tensor = Vec::new();
    for &length in shape {
        number(&mut tensor, 1, length as u64);
    }
    number(&mut tensor, 2, 1);
    put(&mut tensor, 8, name.as_bytes());
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    put(&mut tensor, 9, &raw);
    tensor
}

fn put(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        out.push((value % 128) as u8 | 128);
        value /= 128;
    }
    out.push(value as u8);
}
