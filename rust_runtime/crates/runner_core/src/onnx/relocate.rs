use super::{
    ExternalTensor,
    refusal::Refusal,
    stored::{ENTRY, read_tensor},
    wire::{Field, Fields, write_message},
};
use crate::LoadError;

/// The messages on the way from a file to its tensors.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    Tensor,
}

impl Message {
    fn inside(self, field: u64) -> Option<Self> {
        match (self, field) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Some(Self::Graph),
            (Self::Model, 25) => Some(Self::Function),
            (Self::Graph, 1) | (Self::Function, 7) => Some(Self::Node),
            (Self::Node, 5) => Some(Self::Attribute),
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) => Some(Self::Tensor),
            _ => None,
        }
    }
}

/// The file's content with other names for the files that hold its tensors; offsets and lengths,
/// which a file may leave out, are written out where they are known.
///
/// The content is one that [`super::OnnxModel::read`] has read; `model` stands in errors.
///
/// # Errors
/// As [`super::OnnxModel::read`].
pub fn relocated(
    model: &str,
    bytes: &[u8],
    renamed: &dyn Fn(&str) -> String,
) -> Result<Vec<u8>, LoadError> {
    rewritten(Message::Model, bytes, renamed).map_err(|refusal| refusal.about(model))
}

fn rewritten(
    message: Message,
    bytes: &[u8],
    renamed: &dyn Fn(&str) -> String,
) -> Result<Vec<u8>, Refusal> {
    let mut external = Vec::new();
    if matches!(message, Message::Tensor) {
        read_tensor(bytes, &mut external)?;
    }
    let mut written = Vec::with_capacity(bytes.len());
    let mut fields = Fields::of(bytes);
    loop {
        let before = fields.rest();
        let Some(field) = fields.next() else { break };
        let Field { number, value } = field?;
        let whole = &before[..before.len() - fields.rest().len()];
        match message.inside(number) {
            Some(inner) => {
                let content = rewritten(inner, value.bytes()?, renamed)?;
                write_message(number, &content, &mut written);
            }
            None if number == ENTRY && !external.is_empty() => {}
            None => written.extend(whole),
        }
    }
    for tensor in external {
        write_place(&tensor, renamed, &mut written);
    }
    Ok(written)
}

pub(super) fn write_place(
    tensor: &ExternalTensor,
    renamed: &dyn Fn(&str) -> String,
    into: &mut Vec<u8>,
) {
    let length = tensor.length.map(|length| ("length", length.to_string()));
    let entries = [
        Some(("location", renamed(&tensor.location))),
        Some(("offset", tensor.offset.to_string())),
        length,
    ];
    for (key, value) in entries.into_iter().flatten() {
        let mut entry = Vec::new();
        write_message(1, key.as_bytes(), &mut entry);
        write_message(2, value.as_bytes(), &mut entry);
        write_message(ENTRY, &entry, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{OnnxModel, wire::message};

    fn entry(key: &str, value: &str) -> Vec<u8> {
        message(&[(ENTRY, &message(&[(1, key.as_bytes()), (2, value.as_bytes())]))])
    }

    /// Three floats in another file.
    fn tensor(location: &str) -> Vec<u8> {
        [&[8, 3, 16, 1, 112, 1][..], &entry("location", location)].concat()
    }

    /// A model with such tensors in its graph, in a node, in a graph inside it and in a function.
    fn model() -> Vec<u8> {
        let node = |attribute: &[u8]| message(&[(4, b"Any"), (5, attribute)]);
        let constant = node(&message(&[(5, &tensor("b"))]));
        let inner = message(&[(5, &tensor("c"))]);
        let branch = node(&message(&[(6, &inner)]));
        let graph = message(&[
            (1, &constant),
            (1, &branch),
            (5, &[message(&[(8, b"y")]), tensor("a")].concat()),
            (12, &message(&[(1, b"y")])),
        ]);
        let function = message(&[(7, &node(&message(&[(10, &tensor("d"))])))]);
        message(&[(7, &graph), (8, b""), (25, &function)])
    }

    #[test]
    fn every_location_is_renamed_and_all_else_stays() {
        let before = OnnxModel::read("m", &model()).unwrap();
        let locations: Vec<&str> = before.external.iter().map(|it| it.location.as_str()).collect();
        assert_eq!(locations, ["b", "c", "a", "d"]);
        let longer = |location: &str| location.repeat(300);
        let bytes = relocated("m", &model(), &longer).unwrap();
        let mut after = OnnxModel::read("m", &bytes).unwrap();
        for (tensor, location) in after.external.iter_mut().zip(locations) {
            assert_eq!(tensor.location, longer(location));
            location.clone_into(&mut tensor.location);
        }
        assert_eq!(after, before);
    }

    #[test]
    fn what_the_file_leaves_out_is_written_out() {
        let bytes = rewritten(Message::Tensor, &tensor("w"), &|_| "x".to_owned()).ok().unwrap();
        let written = [tensor("x"), entry("offset", "0"), entry("length", "12")].concat();
        assert_eq!(bytes, written);
    }
}
