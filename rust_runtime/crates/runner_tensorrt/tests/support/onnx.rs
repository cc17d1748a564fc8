//! Small ONNX files, written field by field.

/// Element types of ONNX.
pub(crate) const F32: u64 = 1;
pub(crate) const U8: u64 = 2;
pub(crate) const I8: u64 = 3;

/// A field of bytes.
fn bytes(number: u64, content: &[u8]) -> Vec<u8> {
    let mut field = varint((number << 3) | 2);
    field.extend(varint(content.len() as u64));
    field.extend(content);
    field
}

fn integer(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value as u8) | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A value of shape `[2, 3]`.
pub(crate) fn value(name: &str, dtype: u64) -> Vec<u8> {
    let dims: Vec<u8> = [2, 3].iter().flat_map(|&length| bytes(1, &integer(1, length))).collect();
    let tensor = [integer(1, dtype), bytes(2, &dims)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

/// A node; `attributes` are integers by name.
pub(crate) fn node(
    operator: &str,
    takes: &[&str],
    makes: &str,
    attributes: &[(&str, u64)],
) -> Vec<u8> {
    let mut node: Vec<u8> = takes.iter().flat_map(|name| bytes(1, name.as_bytes())).collect();
    node.extend(bytes(2, makes.as_bytes()));
    node.extend(bytes(4, operator.as_bytes()));
    for (name, value) in attributes {
        let attribute = [bytes(1, name.as_bytes()), integer(3, *value), integer(20, 2)].concat();
        node.extend(bytes(5, &attribute));
    }
    node
}

/// A scalar that the file holds.
pub(crate) fn scalar(name: &str, dtype: u64, raw: &[u8]) -> Vec<u8> {
    [integer(2, dtype), bytes(8, name.as_bytes()), bytes(9, raw)].concat()
}

/// A whole file.
pub(crate) fn model(
    nodes: &[Vec<u8>],
    scalars: &[Vec<u8>],
    inputs: &[Vec<u8>],
    outputs: &[Vec<u8>],
) -> Vec<u8> {
    let fields = [(1, nodes), (5, scalars), (11, inputs), (12, outputs)];
    let mut graph = bytes(2, b"graph");
    for (number, parts) in fields {
        graph.extend(parts.iter().flat_map(|part| bytes(number, part)));
    }
    [integer(1, 8), bytes(7, &graph), bytes(8, &integer(2, 14))].concat()
}

/// `x` through `QuantizeLinear` and `DequantizeLinear` with scale 0.5.
pub(crate) fn quantised() -> Vec<u8> {
    let scale = scalar("scale", F32, &0.5_f32.to_le_bytes());
    let nodes = [
        node("QuantizeLinear", &["x", "scale", "zero"], "q", &[]),
        node("DequantizeLinear", &["q", "scale", "zero"], "y", &[]),
    ];
    model(&nodes, &[scale, scalar("zero", I8, &[0])], &[value("x", F32)], &[value("y", F32)])
}

/// `x` of one type cast to another.
pub(crate) fn cast(from: u64, to: u64) -> Vec<u8> {
    let nodes = [node("Cast", &["x"], "y", &[("to", to)])];
    model(&nodes, &[], &[value("x", from)], &[value("y", to)])
}

/// The identity, of a value by these names.
pub(crate) fn named(input: &str, output: &str) -> Vec<u8> {
    let nodes = [node("Identity", &[input], output, &[])];
    model(&nodes, &[], &[value(input, F32)], &[value(output, F32)])
}
