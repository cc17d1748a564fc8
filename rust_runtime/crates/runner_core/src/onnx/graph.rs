use std::collections::{BTreeSet, HashSet};

use super::{
    order::{Step, captures},
    wire::{Field, Fields, Malformed, Value},
};
use crate::{DType, Dim, LoadError, LoadErrorKind};

/// Graphs inside graphs (If, Loop, Scan) deeper than this are refused: engines recurse over them.
const MAX_DEPTH: usize = 16;

/// An input or an output as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Name in the graph.
    pub name: String,
    /// Element type, where the file gives one.
    pub dtype: Option<DType>,
    /// Axes, where the file gives their number; axes without a length have a made-up name.
    pub dims: Option<Vec<Dim>>,
}

/// One operation, at any depth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// The node's name; may be empty.
    pub name: String,
    /// The operator.
    pub operator: String,
    /// The operator's domain; empty for ONNX's own.
    pub domain: String,
}

/// What the file declares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnnxModel {
    /// Inputs without an initial value, in the graph's order.
    pub inputs: Vec<Declared>,
    /// Outputs in the graph's order.
    pub outputs: Vec<Declared>,
    /// Every operation, those of inner graphs included.
    pub nodes: Vec<Node>,
    /// Files that tensors are stored in, as the model names them.
    pub external: BTreeSet<String>,
}

/// Why a file is refused.
enum Refusal {
    Corrupt(String),
    Unsupported(String),
}

impl From<Malformed> for Refusal {
    fn from(Malformed(reason): Malformed) -> Self {
        Self::Corrupt(format!("not a valid ONNX file: {reason}"))
    }
}

impl OnnxModel {
    /// Reads a file's declarations; `name` stands in errors.
    ///
    /// # Errors
    /// [`LoadErrorKind::Corrupt`] for anything that is not a whole ONNX file,
    /// [`LoadErrorKind::Unsupported`] for element types outside [`DType`].
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        read_model(bytes).map_err(|refusal| {
            let (kind, message) = match refusal {
                Refusal::Corrupt(message) => (LoadErrorKind::Corrupt, message),
                Refusal::Unsupported(message) => (LoadErrorKind::Unsupported, message),
            };
            LoadError::new(kind, name, message)
        })
    }

    /// The operator of the node of this name.
    pub fn operator_of(&self, node: &str) -> Option<&str> {
        self.nodes.iter().find(|known| known.name == node).map(|known| known.operator.as_str())
    }
}

fn corrupt<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Corrupt(message.into()))
}

fn read_model(bytes: &[u8]) -> Result<OnnxModel, Refusal> {
    if bytes.is_empty() {
        return corrupt("the file is empty");
    }
    let mut graph = None;
    let mut has_opset = false;
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            7 => graph = Some(field.value.bytes()?),
            8 => has_opset = true,
            _ => {}
        }
    }
    let Some(graph) = graph else {
        return corrupt("not a valid ONNX file: it has no graph");
    };
    if !has_opset {
        return corrupt("not a valid ONNX file: it names no operator set, it may be cut");
    }
    let mut model = OnnxModel::default();
    let names = read_graph(graph, 0, &mut model)?;
    if let Some(name) = names.captured.first() {
        return corrupt(format!("nothing in the graph makes the value {name:?}"));
    }
    model.inputs.retain(|input| !names.initialised.contains(&input.name));
    check_names(&model)?;
    Ok(model)
}

fn check_names(model: &OnnxModel) -> Result<(), Refusal> {
    if model.outputs.is_empty() {
        return corrupt("the graph has no outputs");
    }
    for (side, declared) in [("input", &model.inputs), ("output", &model.outputs)] {
        let mut names = HashSet::new();
        for Declared { name, .. } in declared {
            if name.is_empty() || !names.insert(name) {
                return corrupt(format!("{side} {name:?} has no name or is declared twice"));
            }
        }
    }
    Ok(())
}

/// Names of a graph's values that matter outside it.
struct Names {
    initialised: HashSet<String>,
    captured: BTreeSet<String>,
}

/// Adds a graph to the model. Inputs and outputs count at the top only.
fn read_graph(bytes: &[u8], depth: usize, model: &mut OnnxModel) -> Result<Names, Refusal> {
    if depth > MAX_DEPTH {
        return corrupt(format!("graphs are nested more than {MAX_DEPTH} deep"));
    }
    let (mut initialised, mut given) = (HashSet::new(), HashSet::new());
    let (mut steps, mut outputs) = (Vec::new(), Vec::new());
    for field in Fields::of(bytes) {
        let Field { number, value } = field?;
        match number {
            1 => steps.push(read_node(value.bytes()?, depth, model)?),
            5 => drop(initialised.insert(read_tensor(value.bytes()?, model)?)),
            11 if depth == 0 => model.inputs.push(read_declared(value.bytes()?)?),
            12 if depth == 0 => model.outputs.push(read_declared(value.bytes()?)?),
            15 => return Err(Refusal::Unsupported("sparse weights are not supported".into())),
            _ => {}
        }
        match number {
            11 => drop(given.insert(read_name(value)?)),
            12 => outputs.push(read_name(value)?),
            _ => {}
        }
    }
    given.extend(initialised.iter().cloned());
    let captured = captures(&steps, &given, &outputs).map_err(Refusal::Corrupt)?;
    Ok(Names { initialised, captured })
}

fn read_name(value: Value<'_>) -> Result<String, Refusal> {
    for field in Fields::of(value.bytes()?) {
        let field = field?;
        if field.number == 1 {
            return Ok(field.value.text()?);
        }
    }
    Ok(String::new())
}

fn read_node(bytes: &[u8], depth: usize, model: &mut OnnxModel) -> Result<Step, Refusal> {
    let mut node = Node::default();
    let mut step = Step::default();
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => step.takes.push(field.value.text()?),
            2 => step.makes.push(field.value.text()?),
            3 => node.name = field.value.text()?,
            4 => node.operator = field.value.text()?,
            5 => step.takes.extend(read_attribute(field.value.bytes()?, depth, model)?),
            7 => node.domain = field.value.text()?,
            _ => {}
        }
    }
    if node.operator.is_empty() {
        return corrupt(format!("node {:?} names no operator", node.name));
    }
    // An optional value that is left out has no name.
    step.takes.retain(|name| !name.is_empty());
    step.makes.retain(|name| !name.is_empty());
    let unnamed = || format!("an unnamed {}", node.operator);
    step.name = Some(node.name.clone()).filter(|name| !name.is_empty()).unwrap_or_else(unnamed);
    model.nodes.push(node);
    Ok(step)
}

/// Reads what an attribute holds and gives the values that graphs inside it take from outside.
fn read_attribute(
    bytes: &[u8],
    depth: usize,
    model: &mut OnnxModel,
) -> Result<BTreeSet<String>, Refusal> {
    let mut captured = BTreeSet::new();
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            5 | 10 => drop(read_tensor(field.value.bytes()?, model)?),
            6 | 11 => captured.extend(read_graph(field.value.bytes()?, depth + 1, model)?.captured),
            _ => {}
        }
    }
    Ok(captured)
}

/// Checks a stored tensor and gives its name.
fn read_tensor(bytes: &[u8], model: &mut OnnxModel) -> Result<String, Refusal> {
    let (mut name, mut dims, mut element, mut raw) = (String::new(), Vec::new(), 0, None);
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => Fields::numbers(field.value, &mut dims)?,
            2 => element = field.value.number()?,
            8 => name = field.value.text()?,
            9 => raw = Some(field.value.bytes()?.len()),
            13 => model.external.extend(read_location(field.value.bytes()?)?),
            _ => {}
        }
    }
    let elements = dims.iter().try_fold(1_usize, |product, &dim| {
        usize::try_from(dim).ok().and_then(|dim| product.checked_mul(dim))
    });
    let Some(elements) = elements else {
        return corrupt(format!("tensor {name:?} has the impossible shape {dims:?}"));
    };
    if let (Some(raw), Some(size)) = (raw, element_size(element))
        && elements.checked_mul(size) != Some(raw)
    {
        return corrupt(format!(
            "tensor {name:?} of shape {dims:?} holds {raw} bytes, not {size} for each element"
        ));
    }
    Ok(name)
}

fn read_location(bytes: &[u8]) -> Result<Option<String>, Refusal> {
    let (mut key, mut value) = (String::new(), String::new());
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => key = field.value.text()?,
            2 => value = field.value.text()?,
            _ => {}
        }
    }
    Ok((key == "location").then_some(value))
}

fn read_declared(bytes: &[u8]) -> Result<Declared, Refusal> {
    let mut declared = Declared { name: String::new(), dtype: None, dims: None };
    let mut tensor = None;
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => declared.name = field.value.text()?,
            2 => tensor = Some(tensor_type(field.value.bytes()?)?),
            _ => {}
        }
    }
    let Some(tensor) = tensor else {
        return Ok(declared);
    };
    let Some(tensor) = tensor else {
        let message = format!("{:?} is a sequence, a map or an optional value", declared.name);
        return Err(Refusal::Unsupported(message));
    };
    for field in Fields::of(tensor) {
        let field = field?;
        match field.number {
            1 => declared.dtype = Some(dtype_of(field.value.number()?, &declared.name)?),
            2 => declared.dims = Some(read_dims(field.value.bytes()?, &declared.name)?),
            _ => {}
        }
    }
    Ok(declared)
}

/// The tensor type inside a type, or nothing where the type is another.
fn tensor_type(bytes: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    let mut tensor = None;
    for field in Fields::of(bytes) {
        let field = field?;
        if field.number == 1 {
            tensor = Some(field.value.bytes()?);
        }
    }
    Ok(tensor)
}

fn read_dims(bytes: &[u8], name: &str) -> Result<Vec<Dim>, Refusal> {
    let mut dims = Vec::new();
    for field in Fields::of(bytes) {
        let field = field?;
        if field.number == 1 {
            let unnamed = || Dim::Symbol(format!("{name}_{}", dims.len()));
            let dim = read_dim(field.value)?.unwrap_or_else(unnamed);
            dims.push(dim);
        }
    }
    Ok(dims)
}

fn read_dim(value: Value<'_>) -> Result<Option<Dim>, Refusal> {
    let mut dim = None;
    for field in Fields::of(value.bytes()?) {
        let field = field?;
        match field.number {
            1 => dim = usize::try_from(field.value.number()?).ok().map(Dim::Fixed),
            2 => dim = Some(field.value.text()?).filter(|name| !name.is_empty()).map(Dim::Symbol),
            _ => {}
        }
    }
    Ok(dim)
}

fn dtype_of(element: i64, name: &str) -> Result<DType, Refusal> {
    Ok(match element {
        1 => DType::F32,
        2 => DType::U8,
        3 => DType::I8,
        6 => DType::I32,
        7 => DType::I64,
        9 => DType::Bool,
        10 => DType::F16,
        11 => DType::F64,
        _ => {
            let message =
                format!("{name:?} has ONNX element type {element}, which no runner takes");
            return Err(Refusal::Unsupported(message));
        }
    })
}

/// Bytes of one element in raw data; nothing for text and for types packed below a byte.
fn element_size(element: i64) -> Option<usize> {
    match element {
        2 | 3 | 9 | 17..=20 => Some(1),
        4 | 5 | 10 | 16 => Some(2),
        1 | 6 | 12 => Some(4),
        7 | 11 | 13 | 14 => Some(8),
        15 => Some(16),
        _ => None,
    }
}
