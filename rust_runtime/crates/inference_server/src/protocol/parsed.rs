use std::borrow::Cow;

use runner_core::{ModelInfo, NamedTensors};

use super::Terms;

/// The model that a request is for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The name that it is served by.
    pub name: &'a str,
    /// The version that is served.
    pub version: &'a str,
    /// Its inputs and outputs.
    pub info: &'a ModelInfo,
    /// The input that takes encoded pictures, where the model carries a contract for them.
    pub pictures: Option<&'a str>,
}

/// A request that was read and fits its model.
#[derive(Debug)]
pub struct Parsed<'a> {
    /// What the model shall work on.
    pub content: Content<'a>,
    /// How it shall be served and answered.
    pub terms: Terms,
}

/// What came for the model.
#[derive(Debug)]
pub enum Content<'a> {
    /// Every input of the model, once.
    Tensors(NamedTensors),
    /// Encoded pictures, at least one; borrowed where the body holds them as they are.
    Pictures(Vec<Cow<'a, [u8]>>),
}

/// A reply as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The whole body.
    pub body: Vec<u8>,
    /// Length of the JSON before the binary data, for `Inference-Header-Content-Length`; `None`
    /// where all of it is JSON.
    pub header_length: Option<usize>,
}

impl Encoded {
    /// The content type of the body.
    pub fn content_type(&self) -> &'static str {
        if self.header_length.is_some() { "application/octet-stream" } else { "application/json" }
    }
}
