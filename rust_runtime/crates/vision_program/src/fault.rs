use std::{error::Error, fmt, process::ExitCode};

use runner_core::{LoadError, LoadErrorKind, RunError, RunErrorKind};
use serde_json::{Value, json};
use vision_io::{VisionError, VisionErrorKind};
use vision_model::{ModelError, ModelErrorKind, with_reason};

use crate::{
    SCHEMA_VERSION,
    output::{print, say},
    pretty,
};

/// What a program ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// A fault of ours or of the engine.
    OurFault = 1,
    /// Something wrong with what the user gave.
    BadInput = 2,
    /// A check was made and did not pass.
    CheckFailed = 3,
    /// An engine or a device is not there.
    MissingPart = 4,
    /// No permission, disk full.
    FileSystem = 5,
}

impl Exit {
    /// The kind where the fault itself names none.
    fn kind(self) -> &'static str {
        match self {
            Self::OurFault => "internal",
            Self::BadInput => "input",
            Self::CheckFailed => "check_failed",
            Self::MissingPart => "backend_unavailable",
            Self::FileSystem => "file_system",
        }
    }

    /// The next step where the fault itself knows none.
    fn hint(self) -> &'static str {
        match self {
            Self::OurFault => "Please report it with the command and the files that it was given.",
            Self::BadInput => "--help lists what the program takes, --info what its model takes.",
            Self::CheckFailed => "`oxidizedvision verify` shows which part is not as it was made.",
            Self::MissingPart => "--help lists the choices.",
            Self::FileSystem => "Check permissions and free space, or choose another folder.",
        }
    }
}

/// What went wrong, the exit code that it ends with, and the next step where there is one.
#[derive(Debug)]
pub struct Fault {
    exit: Exit,
    kind: &'static str,
    message: String,
    hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, kind: exit.kind(), message: message.into(), hint: None }
    }

    /// Names the kind, as Python's errors have it.
    #[must_use]
    pub(crate) fn of_kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Adds the next step, as a sentence.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// [`Self::with_hint`] where there is one.
    #[must_use]
    fn with_optional_hint(self, hint: Option<&str>) -> Self {
        match hint {
            Some(hint) => self.with_hint(hint),
            None => self,
        }
    }

    /// Says what it is about: `about: message`.
    #[must_use]
    pub(crate) fn about(mut self, about: impl fmt::Display) -> Self {
        self.message = format!("{about}: {}", self.message);
        self
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(Exit::BadInput, message)
    }

    /// A command line that cannot be carried out.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::bad(message).of_kind("usage")
    }

    /// Prints the fault on standard error and gives the exit code.
    pub fn report(&self) -> ExitCode {
        say(format_args!("error: {}", one_line(&self.message)));
        say(format_args!("hint: {}", one_line(self.hint().unwrap_or(self.exit.hint()))));
        ExitCode::from(self.exit as u8)
    }

    /// [`Self::report`], and with `json` also as a document on standard output, as the Python
    /// client does.
    pub fn report_as(&self, json: bool) -> ExitCode {
        if json {
            // Nothing is left to tell when even this cannot be printed.
            drop(print(&pretty(&self.document())));
        }
        self.report()
    }

    /// The fault as the one document of a program.
    pub(crate) fn document(&self) -> Value {
        json!({"schema_version": SCHEMA_VERSION, "error": self.to_json()})
    }

    /// The fault as programs read it.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "kind": self.kind,
            "message": one_line(&self.message),
            "hint": one_line(self.hint().unwrap_or(self.exit.hint())),
        })
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The next step, where there is one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Fault {}

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<LoadError> for Fault {
    fn from(error: LoadError) -> Self {
        let exit = match error.kind() {
            LoadErrorKind::BackendUnavailable | LoadErrorKind::DeviceUnavailable => {
                Exit::MissingPart
            }
            LoadErrorKind::Unreadable => Exit::FileSystem,
            LoadErrorKind::Panicked => Exit::OurFault,
            _ => Exit::BadInput,
        };
        let fault = Self::new(exit, with_reason(&error)).of_kind(error.kind().name());
        match error.kind() {
            LoadErrorKind::Corrupt => fault.with_hint("Copy the file again, or convert it again."),
            LoadErrorKind::NotFound => fault.with_hint("Check the path and the current folder."),
            _ => fault,
        }
    }
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Self {
        let exit = match error.kind() {
            RunErrorKind::EngineFailed | RunErrorKind::Panicked => Exit::OurFault,
            _ => Exit::BadInput,
        };
        Self::new(exit, with_reason(&error)).of_kind(error.kind().name())
    }
}

/// The next step where a model gives numbers and no result.
pub(crate) const NUMBERS_HINT: &str = "Name an output that ends in .npy, for the numbers.";

impl From<VisionError> for Fault {
    fn from(error: VisionError) -> Self {
        Self::bad(error.to_string()).with_optional_hint(vision_hint(error.kind()))
    }
}

impl From<ModelError> for Fault {
    fn from(error: ModelError) -> Self {
        let hint = match error.kind() {
            ModelErrorKind::Vision(kind) => vision_hint(kind),
            ModelErrorKind::NoPictures => Some(
                "Set `preprocess` in the model's config and convert it again, or give a tensor as \
                 a .npy file.",
            ),
            ModelErrorKind::NoPrediction => Some(NUMBERS_HINT),
            ModelErrorKind::SeveralInputs => Some("Give each as --input NAME=FILE.npy."),
            ModelErrorKind::NotAPictureInput => Some("Give the input as a .npy file."),
            ModelErrorKind::SeveralOutputs => {
                Some("Name an output for each as --output NAME=FILE.npy.")
            }
            ModelErrorKind::NoTiles => Some("Leave out --tile."),
            _ => error.hint(),
        };
        Self::bad(error.to_string()).with_optional_hint(hint)
    }
}

fn vision_hint(kind: VisionErrorKind) -> Option<&'static str> {
    Some(match kind {
        VisionErrorKind::TileTooSmall => "Give a larger --tile.",
        VisionErrorKind::TooLarge => "Make the picture smaller first.",
        VisionErrorKind::InvalidContract => "Correct the model's config and convert it again.",
        VisionErrorKind::NotFinite => {
            "Look at the numbers with an output that ends in .npy; the model may want another \
             scale of input."
        }
        VisionErrorKind::NotAPicture | VisionErrorKind::UnsupportedFormat => {
            "Give a PNG, JPEG, WebP or BMP picture, or a .npy tensor."
        }
        VisionErrorKind::CorruptPicture => {
            "Copy the picture again, or save it anew with another program."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_does_not_take_ends_with_2_and_what_to_do() {
        let refused = vision_model::Goldens::read(b"").unwrap_err();
        assert_eq!(Fault::from(refused).exit(), Exit::BadInput);
        let damaged = vision_io::decode(b"\x89PNG\r\n\x1a\n").unwrap_err();
        let hint = vision_hint(damaged.kind()).map(ToOwned::to_owned);
        assert!(hint.is_some());
        let by_way_of_model = Fault::from(ModelError::from(damaged));
        assert_eq!(by_way_of_model.hint().map(ToOwned::to_owned), hint);
    }
}
