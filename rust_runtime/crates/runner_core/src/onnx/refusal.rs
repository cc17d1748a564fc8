use super::wire::Malformed;
use crate::{LoadError, LoadErrorKind};

/// Why a file is refused.
pub(super) enum Refusal {
    Corrupt(String),
    Unsupported(String),
}

impl Refusal {
    /// The load error about the model of this name.
    pub(super) fn about(self, model: &str) -> LoadError {
        match self {
            Self::Corrupt(message) => LoadError::new(LoadErrorKind::Corrupt, model, message),
            Self::Unsupported(message) => {
                LoadError::new(LoadErrorKind::Unsupported, model, message)
            }
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(Malformed(reason): Malformed) -> Self {
        Self::Corrupt(format!("not a valid ONNX file: {reason}"))
    }
}

pub(super) fn corrupt<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Corrupt(message.into()))
}
