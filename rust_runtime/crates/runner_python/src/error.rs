use std::error::Error;

use pyo3::{create_exception, exceptions::PyException, prelude::*};
use runner_core::{LoadError, LoadErrorKind, RunError};

create_exception!(
    oxidizedvision_native,
    NativeError,
    PyException,
    "An engine refused a model or a run; `kind` says why, `message` says what."
);

pub(crate) fn load_error(py: Python<'_>, error: &LoadError) -> PyErr {
    native_error(py, error.kind().name(), &text(error))
}

pub(crate) fn run_error(py: Python<'_>, error: &RunError) -> PyErr {
    native_error(py, error.kind().name(), &text(error))
}

/// A setting that is no value of its kind.
pub(crate) fn invalid(py: Python<'_>, reason: &str) -> PyErr {
    native_error(py, LoadErrorKind::InvalidOption.name(), reason)
}

pub(crate) fn native_error(py: Python<'_>, kind: &str, message: &str) -> PyErr {
    let error = NativeError::new_err(message.to_owned());
    let value = error.value(py);
    let set = value.setattr("kind", kind).and_then(|()| value.setattr("message", message));
    set.err().unwrap_or(error)
}

/// An error that says what to do next by itself.
pub(crate) fn hinted_error(py: Python<'_>, kind: &str, message: &str, hint: &str) -> PyErr {
    let error = native_error(py, kind, message);
    error.value(py).setattr("hint", hint).err().unwrap_or(error)
}

/// The message, with the engine's reason where the message does not hold it already.
fn text(error: &dyn Error) -> String {
    let message = error.to_string();
    match error.source().map(ToString::to_string) {
        Some(source) if !message.contains(&source) => format!("{message}: {source}"),
        _ => message,
    }
}
