use std::{error::Error, fmt};

type Source = Box<dyn Error + Send + Sync + 'static>;

/// Why a model could not be loaded. [`Self::name`] is the same in Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// There is no such file.
    NotFound,
    /// The file exists but cannot be read.
    Unreadable,
    /// The content is not a model of the engine's format.
    Corrupt,
    /// The graph has an operator, an attribute or a type that the engine lacks.
    Unsupported,
    /// The device asked for is not there.
    DeviceUnavailable,
    /// The engine, or a library that it needs, is not there.
    BackendUnavailable,
    /// An engine option is unknown or has a wrong value.
    InvalidOption,
    /// A shape given for an input does not fit the model.
    ShapeMismatch,
    /// The engine panicked; the process lives on.
    Panicked,
    /// A prepared model cannot be written.
    FileSystem,
}

impl LoadErrorKind {
    /// The name in snake case, one to one with Python's error kinds.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unreadable => "unreadable",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::DeviceUnavailable => "device_unavailable",
            Self::BackendUnavailable => "backend_unavailable",
            Self::InvalidOption => "invalid_option",
            Self::ShapeMismatch => "shape_mismatch",
            Self::Panicked => "panicked",
            Self::FileSystem => "file_system",
        }
    }
}

/// A model could not be loaded.
#[derive(Debug)]
pub struct LoadError {
    kind: LoadErrorKind,
    model: String,
    message: String,
    source: Option<Source>,
}

impl LoadError {
    /// An error about `model`; `message` says what is wrong and, where it can, what to do.
    pub fn new(kind: LoadErrorKind, model: &str, message: impl Into<String>) -> Self {
        Self { kind, model: model.to_owned(), message: message.into(), source: None }
    }

    /// Keeps the engine's own error as the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> LoadErrorKind {
        self.kind
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.model
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.model, self.message)
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Why a run failed. [`Self::name`] is the same in Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunErrorKind {
    /// An input of the model was not given.
    MissingInput,
    /// The model has no input of that name.
    UnknownInput,
    /// The same input was given twice.
    DuplicateInput,
    /// An input has another element type than the model wants, or a value that the engine's own
    /// type for it cannot hold.
    DtypeMismatch,
    /// An input has another shape than the model wants.
    ShapeMismatch,
    /// [`crate::Runner::run`] was called on a model with several inputs or outputs.
    NotSingle,
    /// The engine reported an error.
    EngineFailed,
    /// The engine panicked; the process lives on.
    Panicked,
}

impl RunErrorKind {
    /// The name in snake case, one to one with Python's error kinds.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingInput => "missing_input",
            Self::UnknownInput => "unknown_input",
            Self::DuplicateInput => "duplicate_input",
            Self::DtypeMismatch => "dtype_mismatch",
            Self::ShapeMismatch => "shape_mismatch",
            Self::NotSingle => "not_single",
            Self::EngineFailed => "engine_failed",
            Self::Panicked => "panicked",
        }
    }
}

/// One run failed; the runner stays usable.
#[derive(Debug)]
pub struct RunError {
    kind: RunErrorKind,
    model: String,
    input: Option<String>,
    message: String,
    source: Option<Source>,
}

impl RunError {
    /// An error about `model`; `message` says what was expected and what was got.
    pub fn new(kind: RunErrorKind, model: &str, message: impl Into<String>) -> Self {
        Self { kind, model: model.to_owned(), input: None, message: message.into(), source: None }
    }

    /// Names the input at fault.
    #[must_use]
    pub fn with_input(mut self, input: &str) -> Self {
        self.input = Some(input.to_owned());
        self
    }

    /// Keeps the engine's own error as the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> RunErrorKind {
        self.kind
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The input at fault, where one is.
    pub fn input(&self) -> Option<&str> {
        self.input.as_deref()
    }

    /// What was expected and what was got, without the names of model and input.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.input {
            Some(input) => write!(f, "{}: input {input:?}: {}", self.model, self.message),
            None => write!(f, "{}: {}", self.model, self.message),
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
