use std::collections::BTreeMap;

use super::wire::{Fields, Malformed};
use crate::prepared::declaration_of;

/// How long named axes may be: JSON of [`crate::AxisRange`] by name.
pub(crate) const AXES: &str = "oxv.axes";

const METADATA_PROPS: u64 = 14;
const KEY: u64 = 1;
const VALUE: u64 = 2;

/// The pairs of `ModelProto.metadata_props`; the last of equal keys counts. The graph is stepped
/// over. `None` when the bytes are no ONNX file or are cut short. A prepared file gives the pairs of
/// the ONNX file that it was made from.
pub fn metadata(model: &[u8]) -> Option<BTreeMap<String, String>> {
    match declaration_of(model) {
        Some(declaration) => Some(declaration.metadata),
        None => read_props(model).ok(),
    }
}

pub(super) fn read_props(model: &[u8]) -> Result<BTreeMap<String, String>, Malformed> {
    let mut props = BTreeMap::new();
    for field in Fields::of(model) {
        let field = field?;
        if field.number == METADATA_PROPS {
            let (key, value) = read_entry(field.value.bytes()?)?;
            props.insert(key, value);
        }
    }
    Ok(props)
}

fn read_entry(entry: &[u8]) -> Result<(String, String), Malformed> {
    let (mut key, mut value) = (String::new(), String::new());
    for field in Fields::of(entry) {
        let field = field?;
        match field.number {
            KEY => key = field.value.text()?,
            VALUE => value = field.value.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}
