use std::fmt;

use runner_core::{LoadError, RunError};
use vision_io::VisionError;
use vision_model::{ModelError, ModelErrorKind, with_reason};

/// What went wrong, as all packages tell it.
#[derive(Debug)]
pub struct Error {
    kind: &'static str,
    message: String,
    hint: Option<String>,
}

impl Error {
    /// An error of a kind.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The kind, as Python's errors have it: that of [`runner_core::LoadErrorKind::name`],
    /// [`runner_core::RunErrorKind::name`] or [`vision_io::VisionErrorKind::name`], else `input`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The next step, as a sentence, where there is one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Self::new(error.kind().name(), with_reason(&error))
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        Self::new(error.kind().name(), with_reason(&error))
    }
}

impl From<VisionError> for Error {
    fn from(error: VisionError) -> Self {
        Self::new(error.kind().name(), error.to_string())
    }
}

impl From<ModelError> for Error {
    fn from(error: ModelError) -> Self {
        let kind = match error.kind() {
            ModelErrorKind::Vision(kind) => kind.name(),
            ModelErrorKind::NotTheSame => "check_failed",
            ModelErrorKind::Goldens | ModelErrorKind::Manifest => "corrupt",
            _ => "input",
        };
        let hint = error.hint().map(ToOwned::to_owned);
        Self { kind, message: error.to_string(), hint }
    }
}
