use super::Reader;
use crate::{ServerError, protocol::Result};

/// A number as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'a> {
    pub(super) text: &'a str,
    /// Whether it has neither a point nor an exponent.
    pub(super) whole: bool,
}

impl<'a> Reader<'a> {
    /// Takes a number, as JSON's grammar has them.
    #[inline]
    pub(super) fn number(&mut self) -> Result<Number<'a>> {
        self.peek();
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
        let whole_part = digits(bytes, at);
        if whole_part == 0 || (whole_part > 1 && bytes.get(at) == Some(&b'0')) {
            return Err(self.no_number());
        }
        at += whole_part;
        let whole_end = at;
        if bytes.get(at) == Some(&b'.') {
            let fraction = digits(bytes, at + 1);
            if fraction == 0 {
                return Err(self.no_number());
            }
            at += 1 + fraction;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
            let exponent_at = at + 1 + usize::from(signed);
            let exponent = digits(bytes, exponent_at);
            if exponent == 0 {
                return Err(self.no_number());
            }
            at = exponent_at + exponent;
        }
        self.at = at;
        let text = self.text.get(start..at).unwrap_or_default();
        Ok(Number { text, whole: at == whole_end })
    }

    #[cold]
    fn no_number(&mut self) -> ServerError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let rest = rest.strip_prefix('-').unwrap_or(rest);
        if rest.starts_with("NaN") || rest.starts_with("Infinity") {
            let message = format!(
                "byte {} of the JSON is NaN or Infinity, which JSON has not; send such values as \
                 binary data",
                self.at
            );
            return ServerError::bad_input(message);
        }
        self.unexpected("a number")
    }
}

#[inline]
fn digits(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
}
