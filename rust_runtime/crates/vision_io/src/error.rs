use std::{error::Error, fmt};

type Source = Box<dyn Error + Send + Sync + 'static>;

/// What is wrong with a picture, a contract or a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum VisionErrorKind {
    /// The bytes are no picture at all.
    NotAPicture,
    /// A picture of a format, or of a variant, that this build does not read or write.
    UnsupportedFormat,
    /// More pixels than are decoded.
    TooLarge,
    /// A picture that is cut short or damaged.
    CorruptPicture,
    /// The contract in the model is damaged or asks for what this version lacks.
    InvalidContract,
    /// A tensor is not the picture that the contract describes.
    ShapeMismatch,
    /// A tensor that should become a picture holds NaN or infinity.
    NotFinite,
    /// Tiles are too small for the model's reach.
    TileTooSmall,
    /// A picture could not be written in the format asked for.
    NotEncodable,
}

impl VisionErrorKind {
    /// The name in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotAPicture => "not_a_picture",
            Self::UnsupportedFormat => "unsupported_format",
            Self::TooLarge => "too_large",
            Self::CorruptPicture => "corrupt_picture",
            Self::InvalidContract => "invalid_contract",
            Self::ShapeMismatch => "shape_mismatch",
            Self::NotFinite => "not_finite",
            Self::TileTooSmall => "tile_too_small",
            Self::NotEncodable => "not_encodable",
        }
    }
}

/// A picture, a contract or a tensor is not usable.
#[derive(Debug)]
pub struct VisionError {
    kind: VisionErrorKind,
    message: String,
    source: Option<Source>,
}

impl VisionError {
    pub(crate) fn new(kind: VisionErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    #[must_use]
    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> VisionErrorKind {
        self.kind
    }
}

impl fmt::Display for VisionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for VisionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
