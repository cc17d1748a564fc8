//! Where a file's larger weights lie in the file itself, and a file in which they lie so that they
//! can be used where they are.

mod aligned;
mod in_place;

use super::{
    ExternalTensor,
    refusal::Refusal,
    stored::read_tensor,
    wire::{Field, Fields},
};

pub use aligned::{External, with_weights_aligned};
pub use in_place::{with_weights_in_place, with_weights_moved};

const GRAPH: u64 = 7;
const INITIALIZER: u64 = 5;
const ELEMENT: u64 = 2;
const RAW: u64 = 9;
const IN_ANOTHER_FILE: u64 = 14;

/// Weights smaller than this are not worth a place of their own.
const LEAST: usize = 1024;

/// What a graph's initializer says of its data.
struct Weight<'a> {
    name: String,
    element: i64,
    raw: Option<&'a [u8]>,
    external: Option<ExternalTensor>,
}

impl<'a> Weight<'a> {
    /// The initializer that a graph's field is; `None` for other fields.
    fn read(field: &Field<'a>) -> Result<Option<Self>, Refusal> {
        if field.number != INITIALIZER {
            return Ok(None);
        }
        let bytes = field.value.bytes()?;
        let mut external = Vec::new();
        let name = read_tensor(bytes, &mut external)?;
        let mut weight = Self { name, element: 0, raw: None, external: external.pop() };
        for inner in Fields::of(bytes) {
            let inner = inner?;
            match inner.number {
                ELEMENT => weight.element = inner.value.number()?,
                RAW => weight.raw = Some(inner.value.bytes()?),
                _ => {}
            }
        }
        Ok(Some(weight))
    }
}

/// Gives every field, and its bytes as they stand, to `write`.
fn each_field<'a>(
    bytes: &'a [u8],
    into: &mut Vec<u8>,
    mut write: impl FnMut(&Field<'a>, &'a [u8], &mut Vec<u8>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut fields = Fields::of(bytes);
    loop {
        let before = fields.rest();
        let Some(field) = fields.next() else { return Ok(()) };
        write(&field?, &before[..before.len() - fields.rest().len()], into)?;
    }
}

/// A message without the fields of these numbers.
fn without(bytes: &[u8], numbers: &[u64]) -> Result<Vec<u8>, Refusal> {
    let mut written = Vec::new();
    each_field(bytes, &mut written, |field, whole, into| {
        if !numbers.contains(&field.number) {
            into.extend(whole);
        }
        Ok(())
    })?;
    Ok(written)
}

#[cfg(test)]
mod models {
    use super::*;
    use crate::onnx::wire::{message, write_message};

    /// A weight of 256 floats and so many more.
    pub(super) fn weight(name: &str, elements: u8, rest: &[u8]) -> Vec<u8> {
        let head = [8, 0x80 | elements, 2, 16, 1];
        [&head[..], &message(&[(8, name.as_bytes())]), rest].concat()
    }

    pub(super) fn data(elements: u8) -> Vec<u8> {
        (0..256 + u32::from(elements)).flat_map(|index| (index as f32).to_le_bytes()).collect()
    }

    pub(super) fn model(initializers: &[Vec<u8>]) -> Vec<u8> {
        let node = message(&[(1, b"w"), (2, b"y"), (4, b"Neg")]);
        let mut graph = message(&[(1, &node), (12, &message(&[(1, b"y")]))]);
        for tensor in initializers {
            write_message(INITIALIZER, tensor, &mut graph);
        }
        message(&[(GRAPH, &graph), (8, b""), (14, &message(&[(1, b"k"), (2, b"v")]))])
    }

    pub(super) fn raw(elements: u8) -> Vec<u8> {
        message(&[(RAW, &data(elements))])
    }
}
