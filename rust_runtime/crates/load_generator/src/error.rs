use std::{error::Error, fmt};

/// What kind of fault keeps a load from being run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Options or a plan that cannot be run, or nobody listens on the port.
    Usage,
    /// A file that cannot be read.
    FileSystem,
    /// A fault of this program.
    Fault,
}

/// Why a load could not be run.
#[derive(Debug)]
pub struct LoadError {
    kind: ErrorKind,
    message: String,
}

impl LoadError {
    /// A fault in words.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What kind of fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for LoadError {}
