//! Tensors whose elements are stored: weights and constants.

use super::{
    refusal::{Refusal, corrupt},
    wire::{Fields, Malformed, Value},
};

/// The field for an entry about another file.
pub(super) const ENTRY: u64 = 13;

/// A tensor whose elements are stored in another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalTensor {
    /// The tensor's name; may be empty.
    pub name: String,
    /// The file, as the model names it.
    pub location: String,
    /// Where its first byte is in the file.
    pub offset: u64,
    /// Its bytes, where the file or its shape and element type tell their number.
    pub length: Option<u64>,
}

/// A tensor's fields, as far as they matter here.
#[derive(Default)]
struct Stored {
    name: String,
    dims: Vec<i64>,
    element: i64,
    raw: Option<usize>,
    /// Elements in fields of their own type.
    typed: usize,
    is_external: bool,
    entries: Vec<(String, String)>,
}

/// Checks a stored tensor and gives its name; one in another file is added to `external`.
pub(super) fn read_tensor(
    bytes: &[u8],
    external: &mut Vec<ExternalTensor>,
) -> Result<String, Refusal> {
    let tensor = read_fields(bytes)?;
    let elements = tensor.elements()?;
    match tensor.place(elements)? {
        Some(found) => external.push(found),
        None => tensor.check_data(elements)?,
    }
    Ok(tensor.name)
}

fn read_fields(bytes: &[u8]) -> Result<Stored, Refusal> {
    let mut tensor = Stored::default();
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => Fields::numbers(field.value, &mut tensor.dims)?,
            2 => tensor.element = field.value.number()?,
            4 => tensor.typed += count_fixed(field.value, 4),
            10 => tensor.typed += count_fixed(field.value, 8),
            5 | 7 | 11 => tensor.typed += count_numbers(field.value)?,
            6 => tensor.typed += 1,
            8 => tensor.name = field.value.text()?,
            9 => tensor.raw = Some(field.value.bytes()?.len()),
            ENTRY => tensor.entries.push(read_entry(field.value.bytes()?)?),
            14 => tensor.is_external = field.value.number()? == 1,
            _ => {}
        }
    }
    Ok(tensor)
}

fn count_fixed(value: Value<'_>, size: usize) -> usize {
    match value {
        Value::Bytes(packed) => packed.len() / size,
        _ => 1,
    }
}

/// Every number ends in the one byte that has no mark to go on.
fn count_numbers(value: Value<'_>) -> Result<usize, Malformed> {
    match value {
        Value::Bytes(packed) => Ok(packed.iter().filter(|&&byte| byte < 0x80).count()),
        _ => value.number().map(|_| 1),
    }
}

fn read_entry(bytes: &[u8]) -> Result<(String, String), Refusal> {
    let (mut key, mut value) = (String::new(), String::new());
    for field in Fields::of(bytes) {
        let field = field?;
        match field.number {
            1 => key = field.value.text()?,
            2 => value = field.value.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

impl Stored {
    fn elements(&self) -> Result<usize, Refusal> {
        let elements = self.dims.iter().try_fold(1_usize, |product, &dim| {
            usize::try_from(dim).ok().and_then(|dim| product.checked_mul(dim))
        });
        match elements {
            Some(elements) => Ok(elements),
            None => {
                corrupt(format!("tensor {:?} has the impossible shape {:?}", self.name, self.dims))
            }
        }
    }

    /// The tensor's place in another file, where it names one. Engines differ in the sign that they
    /// go by, so a location alone is enough.
    fn place(&self, elements: usize) -> Result<Option<ExternalTensor>, Refusal> {
        let name = &self.name;
        let Some(location) = self.entry("location")? else {
            if self.is_external {
                return corrupt(format!("tensor {name:?} is in another file that has no name"));
            }
            return Ok(None);
        };
        let (offset, length) = (self.number("offset")?.unwrap_or(0), self.number("length")?);
        let needed = bytes_of(self.element, elements);
        if let (Some(length), Some(needed)) = (length, needed)
            && length != needed
        {
            return corrupt(format!(
                "tensor {name:?} of shape {:?} has {length} bytes in {location:?}, not {needed}",
                self.dims
            ));
        }
        let (name, location) = (name.clone(), location.to_owned());
        Ok(Some(ExternalTensor { name, location, offset, length: length.or(needed) }))
    }

    /// The text of an entry about another file. Engines differ in which of two they take.
    fn entry(&self, key: &str) -> Result<Option<&str>, Refusal> {
        let mut found = self.entries.iter().filter(|(known, _)| known == key);
        match (found.next(), found.next()) {
            (_, Some(_)) => corrupt(format!("tensor {:?} has two {key}s", self.name)),
            (entry, None) => Ok(entry.map(|(_, text)| text.as_str())),
        }
    }

    fn number(&self, key: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.entry(key)? else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => corrupt(format!("tensor {:?} has the {key} {text:?}", self.name)),
        }
    }

    /// Engines take memory for a whole tensor before they look for its data.
    fn check_data(&self, elements: usize) -> Result<(), Refusal> {
        let Self { name, dims, .. } = self;
        let Some(needed) = bytes_of(self.element, elements) else {
            return Ok(());
        };
        match self.raw {
            Some(raw) if raw as u64 != needed => corrupt(format!(
                "tensor {name:?} of shape {dims:?} holds {raw} bytes, not {needed}"
            )),
            None if self.typed < elements && bits_of(self.element) >= Some(8) => corrupt(format!(
                "tensor {name:?} of shape {dims:?} holds {} elements, not {elements}",
                self.typed
            )),
            _ => Ok(()),
        }
    }
}

/// The bytes of this many elements; nothing for text and for unknown types.
fn bytes_of(element: i64, elements: usize) -> Option<u64> {
    let bits = u128::from(bits_of(element)?) * elements as u128;
    Some(u64::try_from(bits.div_ceil(8)).unwrap_or(u64::MAX))
}

/// Bits of one stored element.
fn bits_of(element: i64) -> Option<u32> {
    match element {
        21..=23 => Some(4),
        2 | 3 | 9 | 17..=20 => Some(8),
        4 | 5 | 10 | 16 => Some(16),
        1 | 6 | 12 => Some(32),
        7 | 11 | 13 | 14 => Some(64),
        15 => Some(128),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::wire::message;

    /// Dims [2, 3] of f32.
    const HEAD: [u8; 6] = [8, 2, 8, 3, 16, 1];

    fn read(fields: &[(u64, &[u8])]) -> Result<Vec<ExternalTensor>, String> {
        let mut external = Vec::new();
        let bytes = [&HEAD[..], &message(fields)].concat();
        match read_tensor(&bytes, &mut external) {
            Ok(_) => Ok(external),
            Err(Refusal::Corrupt(reason) | Refusal::Unsupported(reason)) => Err(reason),
        }
    }

    fn entry(key: &str, value: &str) -> Vec<u8> {
        message(&[(1, key.as_bytes()), (2, value.as_bytes())])
    }

    #[test]
    fn data_is_as_long_as_the_shape_says_in_whatever_field_it_is() {
        for (number, bytes, whole) in
            [(9, 24, true), (9, 23, false), (9, 0, false), (4, 24, true), (4, 20, false)]
        {
            assert_eq!(read(&[(number, &vec![0; bytes])]).is_ok(), whole, "{number} {bytes}");
        }
        assert!(read(&[]).unwrap_err().contains("0 elements, not 6"));
        // i32 in numbers of several bytes, packed and not
        let number = [0xff, 0xff, 1];
        let head = [8, 2, 16, 6];
        let packed = [&head[..], &message(&[(5, &number.repeat(2))])].concat();
        let single = [&head[..], &[40, 0xff, 1], &[40, 7]].concat();
        for bytes in [packed, single] {
            assert!(read_tensor(&bytes, &mut Vec::new()).is_ok(), "{bytes:?}");
            assert!(read_tensor(&bytes[..bytes.len() - 1], &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn a_place_in_another_file_is_told_whole_or_not_at_all() {
        let place = |entries: &[(&str, &str)]| {
            let entries: Vec<_> = entries.iter().map(|(key, value)| entry(key, value)).collect();
            let fields: Vec<_> = entries.iter().map(|entry| (ENTRY, entry.as_slice())).collect();
            read(&fields)
        };
        let found = place(&[("location", "w"), ("offset", "8"), ("length", "24")]).unwrap();
        let expected = ExternalTensor {
            name: String::new(),
            location: "w".to_owned(),
            offset: 8,
            length: Some(24),
        };
        assert_eq!(found, std::slice::from_ref(&expected));
        let found = place(&[("location", "w"), ("checksum", "c")]).unwrap();
        assert_eq!(found, [ExternalTensor { offset: 0, ..expected }]);
        let wrong: [&[(&str, &str)]; 5] = [
            &[("location", "w"), ("location", "v")],
            &[("location", "w"), ("offset", "-1")],
            &[("location", "w"), ("offset", "1"), ("offset", "2")],
            &[("location", "w"), ("length", "25")],
            &[("location", "w"), ("length", "18446744073709551616")],
        ];
        for entries in wrong {
            assert!(place(entries).is_err(), "{entries:?}");
        }
        assert!(read_tensor(&[112, 1], &mut Vec::new()).is_err(), "it has no location");
    }

    #[test]
    fn shapes_that_overflow_are_impossible() {
        let dim = |bits: usize| {
            let mut bytes = vec![8];
            bytes.extend(vec![0x80; bits / 7]);
            bytes.push(1 << (bits % 7));
            bytes
        };
        let bytes = [dim(40), dim(40)].concat();
        assert!(read_tensor(&bytes, &mut Vec::new()).is_err());
    }
}
