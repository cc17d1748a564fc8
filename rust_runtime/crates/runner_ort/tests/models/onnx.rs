//! Writes small ONNX files: as much of the format as the tests want.

#[derive(Clone, Copy)]
pub(crate) enum Element {
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Float16 = 10,
    Double = 11,
}

/// An input or an output. A dim that is no number is a symbol; no dims are an unknown shape.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) name: &'a str,
    pub(crate) element: Element,
    pub(crate) dims: Option<&'a [&'a str]>,
}

pub(crate) struct Node<'a> {
    pub(crate) operator: &'a str,
    pub(crate) takes: Vec<&'a str>,
    pub(crate) makes: Vec<&'a str>,
}

pub(crate) struct Model<'a> {
    pub(crate) ir_version: u64,
    pub(crate) opset: u64,
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) inputs: &'a [Value<'a>],
    pub(crate) outputs: Vec<Value<'a>>,
}

/// `output = operator(inputs)`.
pub(crate) fn one_node<'a>(
    operator: &'a str,
    inputs: &'a [Value<'a>],
    output: Value<'a>,
) -> Model<'a> {
    let takes = inputs.iter().map(|input| input.name).collect();
    let node = Node { operator, takes, makes: vec![output.name] };
    Model { ir_version: 8, opset: 17, nodes: vec![node], inputs, outputs: vec![output] }
}

impl Model<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let nodes = self.nodes.iter().flat_map(|node| message(1, &node.bytes()));
        let inputs = self.inputs.iter().flat_map(|input| message(11, &input.bytes()));
        let outputs = self.outputs.iter().flat_map(|output| message(12, &output.bytes()));
        let graph: Vec<u8> =
            nodes.chain(message(2, b"graph")).chain(inputs).chain(outputs).collect();
        [number(1, self.ir_version), message(7, &graph), message(8, &number(2, self.opset))]
            .concat()
    }
}

impl Node<'_> {
    fn bytes(&self) -> Vec<u8> {
        let takes = self.takes.iter().flat_map(|name| message(1, name.as_bytes()));
        let makes = self.makes.iter().flat_map(|name| message(2, name.as_bytes()));
        takes.chain(makes).chain(message(4, self.operator.as_bytes())).collect()
    }
}

impl Value<'_> {
    fn bytes(&self) -> Vec<u8> {
        let dim = |text: &&str| match text.parse() {
            Ok(length) => message(1, &number(1, length)),
            Err(_) => message(1, &message(2, text.as_bytes())),
        };
        let shape =
            self.dims.map(|dims| message(2, &dims.iter().flat_map(dim).collect::<Vec<_>>()));
        let tensor = [number(1, self.element as u64), shape.unwrap_or_default()].concat();
        [message(1, self.name.as_bytes()), message(2, &message(1, &tensor))].concat()
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn message(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}
