use std::{error::Error, fmt};

use vision_io::{VisionError, VisionErrorKind};

/// The message of an engine's error with the engine's own reason, unless it already stands there.
pub fn with_reason(error: &dyn Error) -> String {
    let message = error.to_string();
    match error.source().map(ToString::to_string) {
        Some(reason) if !message.contains(&reason) => format!("{message}: {reason}"),
        _ => message,
    }
}

/// What a model, a picture, goldens or a manifest do not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// The model does not say how it takes pictures.
    NoPictures,
    /// What the model gives is numbers and no result.
    NoPrediction,
    /// The model has more inputs than one picture.
    SeveralInputs,
    /// The model's input has not the axes of a picture.
    NotAPictureInput,
    /// The model gives more than one output, or none, where one is read.
    SeveralOutputs,
    /// An output has another element type than is read.
    OutputDtype,
    /// The model does not work in tiles.
    NoTiles,
    /// The picture has another size than the model takes.
    PictureSize,
    /// Not every run of a picture was done, or more than there are.
    Unfinished,
    /// The goldens cannot be read.
    Goldens,
    /// The manifest cannot be read.
    Manifest,
    /// A file is not the one that the manifest lists.
    NotTheSame,
    /// The picture, the contract or a tensor of a picture.
    Vision(VisionErrorKind),
}

/// What went wrong, and the next step where there is one.
#[derive(Debug)]
pub struct ModelError {
    kind: ModelErrorKind,
    message: String,
    hint: Option<&'static str>,
    source: Option<VisionError>,
}

impl ModelError {
    pub(crate) fn new(kind: ModelErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ModelErrorKind {
        self.kind
    }

    /// The next step, as a sentence, where there is one whoever asks.
    pub fn hint(&self) -> Option<&str> {
        self.hint
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ModelError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl From<VisionError> for ModelError {
    fn from(error: VisionError) -> Self {
        let (kind, message) = (ModelErrorKind::Vision(error.kind()), error.to_string());
        Self { kind, message, hint: None, source: Some(error) }
    }
}
