use std::{error::Error, fmt, io, path::Path};

use serde::Serialize;

use crate::{
    ServerError,
    model::{Repository, Version},
    protocol::documents::IndexEntry,
};

/// Why a server did not start, and the next step.
#[derive(Debug)]
pub struct StartError {
    kind: &'static str,
    message: String,
    hint: String,
}

impl StartError {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: hint_of(kind).to_owned() }
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// A file that cannot be read.
    pub(crate) fn of_file(path: &Path, error: &io::Error, hint: &str) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => "not_found",
            io::ErrorKind::InvalidData => "corrupt",
            _ => "file_system",
        };
        Self::new(kind, format!("{} cannot be read: {error}", path.display())).with_hint(hint)
    }

    /// What the system does not give.
    pub(crate) fn of_system(what: &str, error: &io::Error) -> Self {
        Self::new("internal", format!("{what}: {error}"))
    }

    /// The kind, as the Python client's errors have it: `config`, `usage`, `not_found`, `corrupt`,
    /// `check_failed`, `backend_unavailable`, `file_system`, `internal` and those of
    /// [`runner_core::LoadErrorKind::name`].
    pub fn kind(&self) -> &str {
        self.kind
    }

    /// The next step, as a sentence.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// What a program ends with.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            "internal" | "panicked" | "engine_failed" => 1,
            "check_failed" => 3,
            "backend_unavailable" | "device_unavailable" => 4,
            "file_system" | "unreadable" => 5,
            _ => 2,
        }
    }
}

fn hint_of(kind: &str) -> &'static str {
    match kind {
        "config" => "docs/serving.md lists every key of the settings with what it takes.",
        "check_failed" => "Convert the model again, or serve it with another engine.",
        "corrupt" => "Copy the file again, or convert the model again.",
        "not_found" => "Check the path and the current folder.",
        "backend_unavailable" => "--help lists the choices.",
        "device_unavailable" => {
            "Serve it on the device cpu, or on one that is there and has the memory."
        }
        "file_system" | "unreadable" => "Check permissions and free space.",
        "internal" | "panicked" => "Please report it with the command and the files it was given.",
        _ => "--help lists what the program takes.",
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StartError {}

impl From<ServerError> for StartError {
    /// Of a model that is described wrongly.
    fn from(error: ServerError) -> Self {
        Self::new("config", error.to_string())
    }
}

/// A server that listens, and what it serves.
#[derive(Debug, Clone, Serialize)]
pub struct Started {
    /// Where, with the real port.
    pub address: String,
    /// Every version that is known.
    pub models: Vec<StartedModel>,
}

/// A version of a model as it is served.
#[derive(Debug, Clone, Serialize)]
pub struct StartedModel {
    /// The name that it is served by.
    pub name: String,
    /// The version.
    pub version: String,
    /// The engine.
    pub runner: String,
    /// The engine's version.
    pub runner_version: String,
    /// Threads of one run.
    pub threads: usize,
    /// Runs at the same time.
    pub engines: usize,
    /// `on`, or why requests do not share runs.
    pub batching: String,
    /// As in the index of the repository.
    pub state: &'static str,
    /// Why it is not ready; empty where it is.
    pub reason: String,
}

impl Started {
    pub(crate) fn of(address: String, repository: &Repository) -> Self {
        let serving = repository.serving();
        let model = |entry: IndexEntry| {
            let version = serving
                .iter()
                .find(|version| version.name() == entry.name && version.version() == entry.version);
            StartedModel::of(entry, version.map(AsRef::as_ref))
        };
        Self { address, models: repository.index().into_iter().map(model).collect() }
    }
}

impl StartedModel {
    fn of(entry: IndexEntry, version: Option<&Version>) -> Self {
        let info = version.map(Version::info);
        let (engines, threads, _) = version.map(Version::engines).unwrap_or_default();
        let batching = version.map(Version::batching);
        Self {
            name: entry.name,
            version: entry.version,
            runner: info.map(|info| info.backend.clone()).unwrap_or_default(),
            runner_version: info.map(|info| info.backend_version.clone()).unwrap_or_default(),
            threads,
            engines,
            batching: match batching {
                Some(Ok(_)) => "on".to_owned(),
                Some(Err(reason)) => reason,
                None => String::new(),
            },
            state: entry.state,
            reason: entry.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_refuses_has_a_way_out() {
        let error = StartError::new("device_unavailable", "ort runs on cpu here, not on cuda:7");
        assert_eq!(error.exit_code(), 4);
        assert!(error.hint().contains("cpu"), "{}", error.hint());
    }
}
