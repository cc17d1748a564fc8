use super::{
    refusal::Refusal,
    wire::{Field, Fields, write_message},
};
use crate::LoadError;

/// The field of a model that is its graph, of a graph that is a node, of a node that is its name.
const GRAPH: u64 = 7;
const NODE: u64 = 1;
const NAME: u64 = 3;
/// The field of a node that is an output.
const MAKES: u64 = 2;

/// The file's content with a name for every node of its graph that has none: the node's first
/// output, as [`super::origins`] calls it.
///
/// The content is one that [`super::OnnxModel::read`] has read; `model` stands in errors.
///
/// # Errors
/// As [`super::OnnxModel::read`].
pub fn named(model: &str, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let graph = |graph: &[u8]| rewritten(graph, NODE, node);
    rewritten(bytes, GRAPH, graph).map_err(|refusal| refusal.about(model))
}

/// A message with another content of every field of this number.
fn rewritten(
    bytes: &[u8],
    changed: u64,
    content: impl Fn(&[u8]) -> Result<Vec<u8>, Refusal>,
) -> Result<Vec<u8>, Refusal> {
    let mut written = Vec::with_capacity(bytes.len());
    let mut fields = Fields::of(bytes);
    loop {
        let before = fields.rest();
        let Some(field) = fields.next() else { return Ok(written) };
        let Field { number, value } = field?;
        if number == changed {
            write_message(number, &content(value.bytes()?)?, &mut written);
        } else {
            written.extend(&before[..before.len() - fields.rest().len()]);
        }
    }
}

fn node(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (mut name, mut makes) = (None, None);
    for field in Fields::of(bytes) {
        let Field { number, value } = field?;
        match number {
            NAME => name = Some(value.bytes()?),
            MAKES => makes = makes.or(Some(value.bytes()?)),
            _ => {}
        }
    }
    let mut written = bytes.to_vec();
    if let Some(makes) = makes.filter(|_| name.is_none_or(<[u8]>::is_empty)) {
        write_message(NAME, makes, &mut written);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{OnnxModel, wire::message};

    #[test]
    fn names_are_given_to_those_without_one_and_all_else_stays() {
        let node = |fields: &[(u64, &[u8])]| message(&[&[(4, &b"Any"[..])], fields].concat());
        let graph = message(&[
            (1, &node(&[(2, b"a"), (3, b"first")])),
            (1, &node(&[(1, b"a"), (2, b"b"), (2, b"c"), (3, b"")])),
            (1, &node(&[(1, b"b"), (2, b"y")])),
            (12, &message(&[(1, b"y")])),
        ]);
        let bytes = message(&[(8, b""), (7, &graph), (2, b"producer")]);
        let before = OnnxModel::read("m", &bytes).unwrap();
        let mut after = OnnxModel::read("m", &named("m", &bytes).unwrap()).unwrap();
        let names: Vec<&str> = after.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["first", "b", "y"]);
        for (node, before) in after.nodes.iter_mut().zip(&before.nodes) {
            node.name.clone_from(&before.name);
        }
        assert_eq!(after, before);
    }
}
