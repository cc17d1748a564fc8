//! The part of the protobuf wire format that ONNX files use, to read and to write.

/// One field of a message.
pub(super) struct Field<'a> {
    pub(super) number: u64,
    pub(super) value: Value<'a>,
}

/// A field's value as it stands on the wire.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// A fixed 32-bit or 64-bit value; nothing read here needs it.
    Fixed,
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed("a message is a number")),
        }
    }

    pub(super) fn text(self) -> Result<String, Malformed> {
        let text =
            std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("text is not UTF-8"))?;
        Ok(text.to_owned())
    }

    pub(super) fn number(self) -> Result<i64, Malformed> {
        match self {
            Self::Varint(number) => Ok(number.cast_signed()),
            _ => Err(Malformed("a number is something else")),
        }
    }
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Walks over the fields of a message without copying.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The numbers of a repeated field, packed or not.
    pub(super) fn numbers(value: Value<'a>, into: &mut Vec<i64>) -> Result<(), Malformed> {
        let Value::Bytes(packed) = value else {
            into.push(value.number()?);
            return Ok(());
        };
        let mut fields = Self::of(packed);
        while !fields.rest.is_empty() {
            into.push(fields.varint()?.cast_signed());
        }
        Ok(())
    }

    fn field(&mut self) -> Result<Field<'a>, Malformed> {
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 {
            return Err(Malformed("a field has the number 0"));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| Malformed(CUT))?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(Malformed("a field has an unknown wire type")),
        };
        Ok(Field { number, value })
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed(CUT))?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed("a number is longer than 64 bits"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed(CUT))?;
        self.rest = rest;
        Ok(taken)
    }
}

const CUT: &str = "it ends in the middle of a field";

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Writes a field that is a message, a text or bytes.
pub(super) fn write_message(number: u64, content: &[u8], into: &mut Vec<u8>) {
    write_varint(number << 3 | 2, into);
    write_varint(content.len() as u64, into);
    into.extend(content);
}

/// Writes a field that is a number.
pub(super) fn write_number(number: u64, value: u64, into: &mut Vec<u8>) {
    write_varint(number << 3, into);
    write_varint(value, into);
}

/// Bytes that a number takes.
pub(super) fn varint_length(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()).div_ceil(7).max(1) as usize
}

pub(super) fn write_varint(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// A message of fields that are messages, texts or bytes themselves.
#[cfg(test)]
pub(super) fn message(fields: &[(u64, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, content) in fields {
        write_message(*number, content, &mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_unknown_kinds_are_stepped_over() {
        // 1: varint 300; 2: "ab"; 3: fixed64; 4: fixed32
        let message = [8, 0xac, 2, 18, 2, b'a', b'b', 25, 0, 0, 0, 0, 0, 0, 0, 0, 37, 0, 0, 0, 0];
        let fields: Vec<_> = Fields::of(&message).map(Result::unwrap).collect();
        assert_eq!(fields.iter().map(|field| field.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(fields[0].value.number(), Ok(300));
        assert_eq!(fields[1].value.text().as_deref(), Ok("ab"));
    }

    #[test]
    fn what_is_cut_or_senseless_is_refused() {
        let cases: [&[u8]; 6] = [
            &[8],
            &[18, 5, b'a'],
            &[25, 0],
            &[11],
            &[2],
            &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        ];
        for bytes in cases {
            assert!(Fields::of(bytes).any(|field| field.is_err()), "{bytes:?}");
        }
    }

    #[test]
    fn repeated_numbers_may_be_packed_or_not() {
        let mut numbers = Vec::new();
        Fields::numbers(Value::Bytes(&[1, 0xac, 2]), &mut numbers).unwrap();
        Fields::numbers(Value::Varint(7), &mut numbers).unwrap();
        assert_eq!(numbers, [1, 300, 7]);
    }
}
