use std::{error::Error, fmt, process::ExitCode};

use runner_core::{LoadError, LoadErrorKind, RunError, RunErrorKind};
use serde_json::{Value, json};
use vision_io::{VisionError, VisionErrorKind};

/// What a program ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// A fault of ours or of the engine.
    OurFault = 1,
    /// Something wrong with what the user gave.
    BadInput = 2,
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
            Self::MissingPart => "backend_unavailable",
            Self::FileSystem => "file_system",
        }
    }

    /// The next step where the fault itself knows none.
    fn hint(self) -> &'static str {
        match self {
            Self::OurFault => "Please report it with the command and the files that it was given.",
            Self::BadInput => "--help lists what the program takes, --info what its model takes.",
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

    /// Says what it is about: `about: message`.
    #[must_use]
    pub(crate) fn about(mut self, about: impl fmt::Display) -> Self {
        self.message = format!("{about}: {}", self.message);
        self
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(Exit::BadInput, message)
    }

    /// Prints the fault on standard error and gives the exit code.
    pub fn report(&self) -> ExitCode {
        eprintln!("error: {}", one_line(&self.message));
        eprintln!("hint: {}", one_line(self.hint().unwrap_or(self.exit.hint())));
        ExitCode::from(self.exit as u8)
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

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The message with the engine's own reason, unless it already stands there.
fn with_reason(error: &dyn Error) -> String {
    let message = error.to_string();
    match error.source().map(ToString::to_string) {
        Some(reason) if !message.contains(&reason) => format!("{message}: {reason}"),
        _ => message,
    }
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

impl From<VisionError> for Fault {
    fn from(error: VisionError) -> Self {
        let fault = Self::bad(error.to_string());
        match error.kind() {
            VisionErrorKind::TileTooSmall => fault.with_hint("Give a larger --tile."),
            VisionErrorKind::TooLarge => fault.with_hint("Make the picture smaller first."),
            VisionErrorKind::InvalidContract => {
                fault.with_hint("Correct the model's config and convert it again.")
            }
            VisionErrorKind::NotFinite => fault.with_hint(
                "Look at the numbers with an output that ends in .npy; the model may want another \
                 scale of input.",
            ),
            VisionErrorKind::NotAPicture | VisionErrorKind::UnsupportedFormat => {
                fault.with_hint("Give a PNG, JPEG, WebP or BMP picture, or a .npy tensor.")
            }
            VisionErrorKind::CorruptPicture => {
                fault.with_hint("Copy the picture again, or save it anew with another program.")
            }
            _ => fault,
        }
    }
}
