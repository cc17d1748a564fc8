//! JSON read from front to back, without a tree of values.

mod element;
mod members;
mod number;
mod reader;
mod string;

pub(crate) use element::Element;
pub(crate) use reader::{Kind, Reader};

/// Text of the client's in a message, cut to a length that a log can take.
pub(crate) fn clip(text: &str) -> String {
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
