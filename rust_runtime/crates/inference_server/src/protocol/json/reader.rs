use std::borrow::Cow;

use super::{clip, members::Members};
use crate::{ServerError, protocol::Result};

/// What the next value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    /// A number, a literal, or what is no JSON at all.
    Scalar,
}

/// A place in a JSON text.
///
/// Values are taken one after another by what the caller expects. Levels are counted as they are
/// opened, so that no text, however it is nested, goes deeper than the limit.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    depth: usize,
    deepest: usize,
}

impl<'a> Reader<'a> {
    /// At the start of a text that may nest `deepest` levels.
    pub(crate) fn new(bytes: &'a [u8], deepest: usize) -> Result<Self> {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            let message = "the JSON starts with a byte order mark; send UTF-8 without one";
            return Err(ServerError::bad_input(message));
        }
        let text = str::from_utf8(bytes).map_err(|error| {
            let message = format!("byte {} of the JSON is not UTF-8", error.valid_up_to());
            ServerError::bad_input(message)
        })?;
        let mut reader = Self { text, at: 0, depth: 0, deepest };
        if reader.peek().is_none() {
            return Err(ServerError::bad_input("the body is empty; expected a JSON object"));
        }
        Ok(reader)
    }

    /// Refuses anything after the last value.
    pub(crate) fn end(mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the JSON")),
        }
    }

    /// What the next value is.
    pub(crate) fn kind(&mut self) -> Kind {
        match self.peek() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            _ => Kind::Scalar,
        }
    }

    /// Takes an object; `member` is called with each key and takes its value. A key that comes
    /// twice is refused.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<()>,
    ) -> Result<()> {
        self.open(b'{', "an object")?;
        if self.take(b'}') {
            return self.close();
        }
        let mut members = Members::default();
        loop {
            let key = self.string()?;
            members.add(&key)?;
            self.expect(b':', "a colon")?;
            member(self, &key)?;
            if self.take(b'}') {
                return self.close();
            }
            self.expect(b',', "a comma or the end of the object")?;
        }
    }

    /// Takes an array; `item` is called at each of its values and takes it.
    #[inline]
    pub(crate) fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.open(b'[', "an array")?;
        if self.take(b']') {
            return self.close();
        }
        loop {
            item(self)?;
            if self.take(b',') {
                continue;
            }
            self.expect(b']', "a comma or the end of the array")?;
            return self.close();
        }
    }

    /// Whether an array comes next whose first value is an array.
    pub(crate) fn nests(&mut self) -> bool {
        let mut ahead = self.clone();
        ahead.take(b'[') && ahead.take(b'[')
    }

    /// How many values the rest of the text can hold at most: each takes a digit and a comma.
    pub(crate) fn most_values(&self) -> usize {
        self.text.len().saturating_sub(self.at) / 2 + 1
    }

    /// Takes a string.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>> {
        self.expect(b'"', "a string")?;
        self.string_after_quote()
    }

    /// Takes `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Result<bool> {
        if self.literal("true") {
            return Ok(true);
        }
        if self.literal("false") {
            return Ok(false);
        }
        Err(self.unexpected("true or false"))
    }

    /// Takes `null` if it comes next.
    pub(crate) fn null(&mut self) -> bool {
        self.peek() == Some(b'n') && self.literal("null")
    }

    /// Takes a whole number of at least 0.
    pub(crate) fn count(&mut self) -> Result<u64> {
        let number = self.number()?;
        number.text.parse().map_err(|_| {
            let text = clip(number.text);
            ServerError::bad_input(format!("{text} is not a whole number from 0 to {}", u64::MAX))
        })
    }

    /// Takes whatever value comes next, and checks that it is one.
    pub(crate) fn skip(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'{') => self.object(|reader, _| reader.skip()),
            Some(b'[') => self.array(Self::skip),
            Some(b'"') => self.string().map(drop),
            Some(b't' | b'f') => self.boolean().map(drop),
            Some(b'n') if self.null() => Ok(()),
            _ => self.number().map(drop),
        }
    }

    /// The next byte that is no white space.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes this byte if it comes next.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, byte: u8, name: &str) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected(name)) }
    }

    /// An error about what stands here.
    #[cold]
    pub(crate) fn unexpected(&mut self, expected: &str) -> ServerError {
        let found = self.peek().and_then(|_| self.text.get(self.at..)?.chars().next());
        ServerError::bad_input(match found {
            Some(found) => {
                format!("byte {} of the JSON is {found:?}, expected {expected}", self.at)
            }
            None => format!("the JSON ends where {expected} was expected"),
        })
    }

    fn open(&mut self, byte: u8, name: &str) -> Result<()> {
        self.expect(byte, name)?;
        self.depth += 1;
        if self.depth <= self.deepest {
            return Ok(());
        }
        let message = format!("the JSON is nested more than {} deep", self.deepest);
        Err(ServerError::bad_input(message))
    }

    #[allow(clippy::unnecessary_wraps)]
    fn close(&mut self) -> Result<()> {
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn literal(&mut self, word: &str) -> bool {
        self.peek();
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        self.at += if found { word.len() } else { 0 };
        found
    }
}

#[cfg(test)]
mod tests;
