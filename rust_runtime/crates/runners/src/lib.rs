//! Every engine by name.
//!
//! One row of the table and one Cargo feature for each engine. An engine that is known but not in
//! this build is a row too, so that asking for it is answered with what to do instead.

use runner_core::{Availability, Backend, LoadError, LoadErrorKind, Runner, RunnerConfig};

pub use runner_core as core;

/// A name and what stands behind it in this build.
pub struct Row {
    /// The name that selects the engine.
    pub name: &'static str,
    backend: Option<&'static dyn Backend>,
}

/// What makes an engine part of a program that is built without it.
const IN_SOURCE: &str = "build this program with the engine's Cargo feature of the same name";

/// One row of the table: in the build where the feature of the same name is on.
macro_rules! engine {
    ($name:literal, $backend:expr) => {{
        #[cfg(feature = $name)]
        let row = Row { name: $name, backend: Some(&$backend) };
        #[cfg(not(feature = $name))]
        let row = Row { name: $name, backend: None };
        row
    }};
}

static TABLE: [Row; 6] = [
    engine!("tract", runner_tract::TractBackend),
    engine!("rten", runner_rten::RtenBackend),
    engine!("ort", runner_ort::OrtBackend),
    engine!("openvino", runner_openvino::OpenvinoBackend),
    engine!("tch", runner_tch::TchBackend),
    engine!("tensorrt", runner_tensorrt::TensorRtBackend),
];

impl Row {
    /// Whether the engine can be used here and, where it cannot, what makes it so.
    pub fn check(&self) -> Availability {
        self.backend
            .map_or_else(|| Availability::NotBuilt { hint: IN_SOURCE.to_owned() }, Backend::check)
    }

    /// The engine, where this build contains it.
    pub fn backend(&self) -> Option<&'static dyn Backend> {
        self.backend
    }
}

/// Every engine that has a name, in the build or not.
pub fn backends() -> &'static [Row] {
    &TABLE
}

/// The engine of this name.
///
/// # Errors
/// [`LoadErrorKind::BackendUnavailable`] for an unknown name, an engine outside this build, or one
/// that cannot be used here; the message says what to do.
pub fn backend(name: &str) -> Result<&'static dyn Backend, LoadError> {
    let unavailable = |message| LoadError::new(LoadErrorKind::BackendUnavailable, name, message);
    let Some(row) = TABLE.iter().find(|row| row.name == name) else {
        let known: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
        return Err(unavailable(format!("no such engine; known are {}", known.join(", "))));
    };
    match (row.check(), row.backend) {
        (Availability::Ready { .. }, Some(backend)) => Ok(backend),
        (Availability::Missing { hint }, _) => Err(unavailable(format!("cannot start: {hint}"))),
        _ => Err(unavailable(format!("not in this build: {IN_SOURCE}"))),
    }
}

/// Loads a model with the engine of this name.
///
/// # Errors
/// As [`backend`] and [`Backend::load`].
pub fn load(name: &str, config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
    backend(name)?.load(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_engine_that_is_not_ready_says_what_to_do() {
        for row in backends() {
            let hint = match row.check() {
                Availability::Ready { .. } => continue,
                Availability::NotBuilt { hint } | Availability::Missing { hint } => hint,
            };
            let error = backend(row.name).err().unwrap();
            assert_eq!(error.kind(), LoadErrorKind::BackendUnavailable);
            assert!(error.to_string().contains(&hint) && hint.len() > 10, "{error}");
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = backend("tractor").err().unwrap();
        assert_eq!(error.kind(), LoadErrorKind::BackendUnavailable);
        assert!(error.to_string().contains("tract, rten, ort"), "{error}");
    }

    #[test]
    fn a_row_and_its_backend_have_the_same_name() {
        for row in backends() {
            assert!(row.backend().is_none_or(|backend| backend.name() == row.name));
        }
    }
}
