use std::time::Instant;

use crate::Priority;

/// What is wanted of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What the outputs mean by the model's contract, or the outputs where it says nothing.
    Meaning,
    /// The outputs.
    Tensors,
}

/// A picture and what is wanted of it.
#[derive(Debug, Clone)]
pub struct PictureRequest<B> {
    /// A PNG, JPEG, WebP or BMP file.
    pub file: B,
    /// What is wanted.
    pub wanted: Wanted,
    /// Names of the outputs, where tensors are wanted; `None` for all.
    pub outputs: Option<Vec<String>>,
    /// Whether a mask or a picture is also given as a PNG file.
    pub encode: bool,
    /// Who comes first among those that wait.
    pub priority: Priority,
    /// When it came.
    pub received: Instant,
    /// After this nobody waits for the answer any more.
    pub deadline: Option<Instant>,
}

impl<B> PictureRequest<B> {
    /// A request for what a picture means, with masks and pictures as PNG, received now.
    pub fn new(file: B) -> Self {
        Self {
            file,
            wanted: Wanted::Meaning,
            outputs: None,
            encode: true,
            priority: Priority::default(),
            received: Instant::now(),
            deadline: None,
        }
    }
}
