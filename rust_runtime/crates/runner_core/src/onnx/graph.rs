use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    declared::{Declared, read_declared},
    metadata::{AXES, read_props},
    order::{Step, captures},
    refusal::{Refusal, corrupt},
    stored::{ExternalTensor, read_tensor},
    wire::{Field, Fields, Value},
};
use crate::{AxisRange, LoadError};

/// Graphs inside graphs (If, Loop, Scan) deeper than this are refused: engines recurse over them.
const MAX_DEPTH: usize = 16;

/// One operation, at any depth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// The node's name; may be empty.
    pub name: String,
    /// The operator.
    pub operator: String,
    /// The operator's domain; empty for ONNX's own.
    pub domain: String,
    /// The values that it takes, those that graphs inside it take from outside included.
    pub takes: Vec<String>,
    /// The values that it makes.
    pub makes: Vec<String>,
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
    /// Tensors that are stored in other files.
    pub external: Vec<ExternalTensor>,
    /// The lengths for which named axes were proved, by `oxv.axes` of the metadata.
    pub axes: BTreeMap<String, AxisRange>,
}

impl OnnxModel {
    /// Reads a file's declarations; `name` stands in errors.
    ///
    /// # Errors
    /// [`LoadErrorKind::Corrupt`](crate::LoadErrorKind::Corrupt) for anything that is not a whole
    /// ONNX file, [`LoadErrorKind::Unsupported`](crate::LoadErrorKind::Unsupported) for element
    /// types outside [`DType`](crate::DType).
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        read_model(bytes).map_err(|refusal| refusal.about(name))
    }

    /// The operator of the node of this name.
    pub fn operator_of(&self, node: &str) -> Option<&str> {
        self.nodes.iter().find(|known| known.name == node).map(|known| known.operator.as_str())
    }
}

fn read_model(bytes: &[u8]) -> Result<OnnxModel, Refusal> {
    if bytes.is_empty() {
        return corrupt("the file is empty");
    }
    let (mut graphs, mut functions) = (Vec::new(), Vec::new());
    let mut has_opset = false;
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            7 => graphs.push(field.value.bytes()?),
            8 => has_opset = true,
            25 => functions.push(field.value.bytes()?),
            _ => {}
        }
    }
    // Engines would join several into one.
    let &[graph] = graphs.as_slice() else {
        return corrupt(format!("not a valid ONNX file: it has {} graphs", graphs.len()));
    };
    if !has_opset {
        return corrupt("not a valid ONNX file: it names no operator set, it may be cut");
    }
    let mut model = OnnxModel { axes: axes_of(bytes)?, ..OnnxModel::default() };
    let names = read_graph(graph, 0, &mut model)?;
    for function in functions {
        model.external.extend(external_of_function(function)?);
    }
    if let Some(name) = names.captured.first() {
        return corrupt(format!("nothing in the graph makes the value {name:?}"));
    }
    model.inputs.retain(|input| !names.initialised.contains(&input.name));
    check_names(&model)?;
    Ok(model)
}

fn axes_of(bytes: &[u8]) -> Result<BTreeMap<String, AxisRange>, Refusal> {
    let Some(text) = read_props(bytes)?.remove(AXES) else { return Ok(BTreeMap::new()) };
    let damaged = |error| corrupt(format!("its metadata {AXES} is damaged: {error}"));
    serde_json::from_str(&text).or_else(damaged)
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

/// The tensors of a model's own function that are stored in other files.
fn external_of_function(bytes: &[u8]) -> Result<Vec<ExternalTensor>, Refusal> {
    let mut inside = OnnxModel::default();
    for field in Fields::of(bytes) {
        let field = field?;
        if field.number == 7 {
            read_node(field.value.bytes()?, 0, &mut inside)?;
        }
    }
    Ok(inside.external)
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
            5 => drop(initialised.insert(read_tensor(value.bytes()?, &mut model.external)?)),
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
    node.takes.clone_from(&step.takes);
    node.makes.clone_from(&step.makes);
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
    let mut single = HashSet::new();
    for field in Fields::of(bytes) {
        let Field { number, value } = field?;
        if matches!(number, 5 | 6) && !single.insert(number) {
            // Engines would join the two into one.
            return corrupt("an attribute holds two tensors or two graphs in place of one");
        }
        match number {
            5 | 10 => drop(read_tensor(value.bytes()?, &mut model.external)?),
            6 | 11 => captured.extend(read_graph(value.bytes()?, depth + 1, model)?.captured),
            _ => {}
        }
    }
    Ok(captured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::wire::message;

    #[test]
    fn what_engines_would_join_is_refused() {
        let graph = message(&[(12, &message(&[(1, b"y")])), (5, &message(&[(8, b"y")]))]);
        let model = |graphs: &[&[u8]]| {
            let fields: Vec<_> = graphs.iter().map(|&graph| (7, graph)).collect();
            OnnxModel::read("m", &[message(&fields), message(&[(8, b"")])].concat())
        };
        model(&[&graph]).unwrap();
        assert!(model(&[&graph, &graph]).is_err());
        for (field, single) in [(5, true), (6, true), (10, false), (11, false)] {
            let attribute = |count: usize| message(&vec![(field, &b""[..]); count]);
            let node = |count| message(&[(4, b"Any"), (5, &attribute(count))]);
            let graph = |count| [message(&[(1, &node(count))]), graph.clone()].concat();
            model(&[&graph(1)]).unwrap();
            assert_eq!(model(&[&graph(2)]).is_err(), single, "{field}");
        }
    }
}
