use vision_io::{VisionError, VisionErrorKind};
use vision_model::{ModelError, ModelErrorKind};

use crate::{ErrorKind, ServerError};

impl From<VisionError> for ServerError {
    /// What is wrong with a picture is the client's; what is wrong with a model or with what came
    /// out of it is ours.
    fn from(error: VisionError) -> Self {
        Self::new(kind_of(error.kind()), error.to_string())
    }
}

impl From<ModelError> for ServerError {
    fn from(error: ModelError) -> Self {
        let kind = match error.kind() {
            ModelErrorKind::Vision(kind) => kind_of(kind),
            ModelErrorKind::NoPictures
            | ModelErrorKind::NoPrediction
            | ModelErrorKind::SeveralInputs
            | ModelErrorKind::NotAPictureInput
            | ModelErrorKind::NoTiles
            | ModelErrorKind::PictureSize => ErrorKind::BadInput,
            _ => ErrorKind::Fault,
        };
        Self::new(kind, error.to_string())
    }
}

fn kind_of(kind: VisionErrorKind) -> ErrorKind {
    match kind {
        VisionErrorKind::NotAPicture | VisionErrorKind::UnsupportedFormat => {
            ErrorKind::UnsupportedMedia
        }
        VisionErrorKind::TooLarge => ErrorKind::TooLarge,
        VisionErrorKind::CorruptPicture | VisionErrorKind::TileTooSmall => ErrorKind::BadInput,
        _ => ErrorKind::Fault,
    }
}
