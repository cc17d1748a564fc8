use std::{error::Error, fmt};

use runner_core::{LoadError, LoadErrorKind, RunError, RunErrorKind};
use vision_io::{VisionError, VisionErrorKind};
use vision_model::{ModelError, ModelErrorKind, with_reason};

/// What went wrong, of a kind that Python's errors have too, and the next step.
#[derive(Debug)]
pub struct Fault {
    kind: &'static str,
    message: String,
    hint: &'static str,
}

impl Fault {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>, hint: &'static str) -> Self {
        Self { kind, message: message.into(), hint }
    }

    /// The kind in snake case.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What failed.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The next step; empty where the message says it all.
    pub fn hint(&self) -> &'static str {
        self.hint
    }

    /// Says what it is about: `about: message`.
    #[must_use]
    pub(crate) fn about(mut self, about: &str) -> Self {
        self.message = format!("{about}: {}", self.message);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Fault {}

impl From<LoadError> for Fault {
    fn from(error: LoadError) -> Self {
        let hint = match error.kind() {
            LoadErrorKind::Corrupt => {
                "Give a whole .onnx file: copy it again, or convert it again."
            }
            LoadErrorKind::Unsupported => {
                "Try the other engine, or convert the model with other operators."
            }
            LoadErrorKind::Unreadable => {
                "Weights in other files cannot be read here: save the model as one file."
            }
            LoadErrorKind::ShapeMismatch => "Give shapes that the model's inputs can have.",
            LoadErrorKind::InvalidOption => "Leave the option out, or correct it.",
            _ => "",
        };
        Self::new(error.kind().name(), with_reason(&error), hint)
    }
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Self {
        let hint = match error.kind() {
            RunErrorKind::EngineFailed => "Try the other engine, or another shape of input.",
            RunErrorKind::Panicked => "",
            _ => "`info.inputs` says what the model takes.",
        };
        Self::new(error.kind().name(), with_reason(&error), hint)
    }
}

impl From<ModelError> for Fault {
    fn from(error: ModelError) -> Self {
        let (kind, hint) = match error.kind() {
            ModelErrorKind::Vision(kind) => vision(kind),
            ModelErrorKind::NoPictures => {
                ("input", "Give `preprocess` when the model is loaded, or run it on tensors.")
            }
            ModelErrorKind::SeveralInputs | ModelErrorKind::NotAPictureInput => {
                ("input", "Run the model on tensors.")
            }
            ModelErrorKind::PictureSize => (
                "input",
                "Give `preprocess.resize` when the model is loaded, or resize the picture.",
            ),
            ModelErrorKind::Goldens => (
                "input",
                "Give the .golden.safetensors file that `convert` wrote beside this model.",
            ),
            _ => ("model", "Run the model on tensors, or correct its contract."),
        };
        Self::new(kind, error.to_string(), hint)
    }
}

impl From<VisionError> for Fault {
    fn from(error: VisionError) -> Self {
        ModelError::from(error).into()
    }
}

fn vision(kind: VisionErrorKind) -> (&'static str, &'static str) {
    match kind {
        VisionErrorKind::TooLarge => ("input", "Make the picture smaller first."),
        VisionErrorKind::NotAPicture | VisionErrorKind::UnsupportedFormat => {
            ("input", "Give a PNG, JPEG, WebP or BMP picture.")
        }
        VisionErrorKind::CorruptPicture => {
            ("input", "Copy the picture again, or save it anew with another program.")
        }
        VisionErrorKind::InvalidContract => {
            ("config", "Correct `preprocess` or `postprocess`, of the options or of the model.")
        }
        VisionErrorKind::NotFinite => {
            ("model", "Look at the numbers with `run`; the model may want another scale of input.")
        }
        VisionErrorKind::ShapeMismatch => {
            ("model", "Give the `postprocess` that fits the model's outputs.")
        }
        _ => ("input", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_the_users_and_says_what_to_do() {
        let damaged = Fault::from(vision_io::decode(b"\x89PNG\r\n\x1a\n").unwrap_err());
        assert_eq!(damaged.kind(), "input");
        assert!(damaged.hint().contains("save it anew"), "{damaged:?}");
        let foreign = Fault::from(vision_io::decode(b"II*\0....").unwrap_err());
        assert!(foreign.message().contains("a TIFF picture"), "{foreign}");
    }
}
