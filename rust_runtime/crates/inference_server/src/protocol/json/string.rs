use std::borrow::Cow;

use super::Reader;
use crate::{ServerError, protocol::Result};

impl<'a> Reader<'a> {
    /// The rest of a string whose opening quote is taken; borrowed where nothing is escaped.
    pub(super) fn string_after_quote(&mut self) -> Result<Cow<'a, str>> {
        let plain = self.plain()?;
        if self.advance(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        while self.advance(b'\\') {
            text.push(self.escaped()?);
            text.push_str(self.plain()?);
        }
        if self.advance(b'"') { Ok(Cow::Owned(text)) } else { Err(self.unended()) }
    }

    /// Up to the next quote, backslash or control character, or the end.
    fn plain(&mut self) -> Result<&'a str> {
        let rest = &self.text.as_bytes()[self.at..];
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        let length = rest.iter().position(special).ok_or_else(|| self.unended())?;
        let start = self.at;
        self.at += length;
        self.text.get(start..self.at).ok_or_else(|| self.unended())
    }

    /// What follows a backslash.
    fn escaped(&mut self) -> Result<char> {
        let letter = self.text.as_bytes().get(self.at).copied();
        self.at += usize::from(letter.is_some_and(|letter| letter.is_ascii()));
        Ok(match letter {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.bad_escape()),
        })
    }

    /// Four hexadecimal digits, and four more where the first are half of a pair.
    fn unicode(&mut self) -> Result<char> {
        let high = self.hexadecimal()?;
        let code = if (0xd800..0xdc00).contains(&high) {
            if !(self.advance(b'\\') && self.advance(b'u')) {
                return Err(self.bad_escape());
            }
            let low = self.hexadecimal()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(self.bad_escape());
            }
            0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
        } else {
            high
        };
        char::from_u32(code).ok_or_else(|| self.bad_escape())
    }

    fn hexadecimal(&mut self) -> Result<u32> {
        let digits = self.text.as_bytes().get(self.at..).and_then(|rest| rest.first_chunk::<4>());
        let value = digits.and_then(|digits| {
            digits
                .iter()
                .try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
        });
        let value = value.ok_or_else(|| self.bad_escape())?;
        self.at += 4;
        Ok(value)
    }

    /// Takes this byte if it comes next, white space not skipped.
    fn advance(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    #[cold]
    fn unended(&self) -> ServerError {
        let place = self.at;
        let message = format!("a JSON string does not end, or has a control character at {place}");
        ServerError::bad_input(message)
    }

    #[cold]
    fn bad_escape(&self) -> ServerError {
        ServerError::bad_input(format!("a JSON string has an invalid escape at byte {}", self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Result<Cow<'_, str>> {
        Reader::new(text.as_bytes(), 1).unwrap().string()
    }

    #[test]
    fn escapes_are_undone() {
        let cases = [
            (r#""plain é""#, "plain é"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""a\u00e9b\u20AC""#, "aéb€"),
            (r#""\ud83d\ude00!""#, "😀!"),
            (r#""""#, ""),
        ];
        for (text, expected) in cases {
            assert_eq!(string(text).unwrap(), expected, "{text}");
        }
        assert!(matches!(string("\"as it is\""), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn halves_of_pairs_and_broken_escapes_are_refused() {
        for text in [
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83dx""#,
            r#""\ud83d\n""#,
            r#""\ud83d\u0041""#,
            r#""\u00g0""#,
            r#""\u00é0""#,
            r#""\é""#,
            r#""\"#,
            r#""\u0"#,
            "\"a\u{0}\"",
            "\"abc",
        ] {
            assert!(string(text).is_err(), "{text}");
        }
    }
}
