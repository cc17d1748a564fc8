use std::fmt;

use runner_core::{LoadError, LoadErrorKind, RunError};

use crate::{ErrorKind, ServerError};

/// Why a version could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFailure {
    /// What a client may read.
    pub error: ServerError,
    /// The kind, as Python's errors have it: one of [`runner_core::LoadErrorKind::name`],
    /// `check_failed` when it does not give what PyTorch gave, or `internal`.
    pub cause: &'static str,
}

impl LoadFailure {
    /// A model that is not fit to be served.
    pub(super) fn new(cause: &'static str, message: impl Into<String>) -> Self {
        Self { error: ServerError::new(ErrorKind::Conflict, message), cause }
    }

    #[must_use]
    pub(super) fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { error: self.error.with_detail(detail), ..self }
    }

    #[must_use]
    pub(super) fn with_model(self, name: &str) -> Self {
        Self { error: self.error.with_model(name), ..self }
    }

    /// An engine that does not load a model.
    pub(super) fn of_engine(engine: &str, error: &LoadError) -> Self {
        let message = match error.kind() {
            // It names the engine, and no model is at fault.
            LoadErrorKind::BackendUnavailable => error.to_string(),
            _ => format!("{engine} cannot load {error}"),
        };
        let failure = Self::new(error.kind().name(), message);
        match std::error::Error::source(error) {
            Some(source) => failure.with_detail(source.to_string()),
            None => failure,
        }
    }

    /// A model that does not run.
    pub(super) fn of_run(what: &str, error: &RunError) -> Self {
        Self::new("unsupported", format!("{what}: {error}"))
    }
}

impl From<ServerError> for LoadFailure {
    fn from(error: ServerError) -> Self {
        Self { error, cause: "internal" }
    }
}

impl From<LoadFailure> for ServerError {
    fn from(failure: LoadFailure) -> Self {
        failure.error
    }
}

impl fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for LoadFailure {}
