use std::{
    num::NonZero,
    path::{Path, PathBuf},
    thread,
};

use ort::session::builder::GraphOptimizationLevel;
use runner_core::{LoadError, LoadErrorKind, RunnerConfig};

/// Enough for batches of 1, 2, 4, … 32 of one shape.
const DEFAULT_SESSIONS: usize = 6;

/// What the user asks of the engine. What is not asked for stays as ONNX Runtime has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How far the graph is rewritten: option `graph_optimization`.
    pub(crate) optimization: GraphOptimizationLevel,
    /// Whether memory is planned ahead by what earlier runs needed: option `memory_pattern`.
    pub(crate) memory_pattern: Option<bool>,
    /// Whether idle threads wait actively for work: option `spinning`.
    pub(crate) spinning: Option<bool>,
    /// Whether CUDA devices may compute FP32 with the ten bits of TF32: option `tf32`.
    pub(crate) tf32: bool,
    /// Sessions that a model with free axes may have on a CUDA device: option `sessions`.
    pub(crate) sessions: usize,
    /// Whether the user chose how far, for that is settled in a prepared file.
    pub(crate) level_is_given: bool,
    /// Whether the model's file is mapped in place of being read: option `mmap`.
    pub(crate) mmap: bool,
    /// Threads for one run.
    pub(crate) threads: usize,
    /// Where the session writes what its nodes take, where it does.
    pub(crate) recording: Option<Recording>,
}

/// Where a session writes what its nodes take, and the graph that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recording(PathBuf);

impl Recording {
    /// In this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// What the name of the file of times starts with.
    pub(crate) fn times(&self) -> PathBuf {
        self.0.join("times")
    }

    /// The file of the graph as it runs.
    pub(crate) fn graph(&self) -> PathBuf {
        self.0.join("graph.onnx")
    }
}

impl Settings {
    /// # Errors
    /// [`LoadErrorKind::InvalidOption`] for an unknown option or a wrong value.
    pub(crate) fn read(config: &RunnerConfig) -> Result<Self, LoadError> {
        let mut options = config.read_options();
        let level = options.get::<String>("graph_optimization")?;
        let memory_pattern = options.get("memory_pattern")?;
        let spinning = options.get("spinning")?;
        let tf32 = options.get("tf32")?.unwrap_or(false);
        let sessions = options.get("sessions")?.unwrap_or(DEFAULT_SESSIONS).max(1);
        let mmap = options.get("mmap")?.unwrap_or(false);
        options.finish()?;
        let optimization = match (level.as_deref(), config.optimize) {
            (None | Some("all"), true) | (Some("all"), false) => GraphOptimizationLevel::All,
            (None, false) | (Some("disable"), _) => GraphOptimizationLevel::Disable,
            (Some("basic"), _) => GraphOptimizationLevel::Level1,
            (Some("extended"), _) => GraphOptimizationLevel::Level2,
            (Some(other), _) => {
                let message = format!(
                    "option graph_optimization cannot be {other:?}: expected disable, basic, \
                     extended or all"
                );
                let name = config.source.name();
                return Err(LoadError::new(LoadErrorKind::InvalidOption, &name, message));
            }
        };
        let granted = || thread::available_parallelism().map_or(1, NonZero::get);
        let threads = config.threads.unwrap_or_else(granted);
        let level_is_given = level.is_some();
        let recording = None;
        Ok(Self {
            optimization,
            memory_pattern,
            spinning,
            tf32,
            sessions,
            level_is_given,
            mmap,
            threads,
            recording,
        })
    }

    /// The same, with a record of what the nodes take.
    pub(crate) fn recording(self, recording: Recording) -> Self {
        Self { recording: Some(recording), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(optimize: bool, options: &[(&str, &str)]) -> Result<Settings, LoadError> {
        let mut config = RunnerConfig::from_bytes("m", vec![]);
        config.optimize = optimize;
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        config.options = options.iter().map(owned).collect();
        Settings::read(&config)
    }

    #[test]
    fn the_level_is_the_users_or_follows_optimize() {
        use GraphOptimizationLevel::{All, Disable, Level1, Level2};
        for (optimize, level, expected) in [
            (true, None, All),
            (false, None, Disable),
            (true, Some("disable"), Disable),
            (false, Some("all"), All),
            (true, Some("all"), All),
            (true, Some("basic"), Level1),
            (false, Some("extended"), Level2),
        ] {
            let options: Vec<_> =
                level.map(|level| ("graph_optimization", level)).into_iter().collect();
            assert_eq!(read(optimize, &options).unwrap().optimization, expected, "{level:?}");
        }
    }

    #[test]
    fn what_is_not_asked_for_is_left_alone() {
        let settings = read(true, &[]).unwrap();
        assert_eq!((settings.memory_pattern, settings.spinning), (None, None));
        assert!(settings.threads >= 1);
        assert!(!settings.tf32);
        assert!(read(true, &[("tf32", "true")]).unwrap().tf32);
        assert_eq!(settings.sessions, DEFAULT_SESSIONS);
        for (given, sessions) in [("0", 1), ("1", 1), ("9", 9)] {
            assert_eq!(read(true, &[("sessions", given)]).unwrap().sessions, sessions);
        }
        let settings = read(true, &[("spinning", "false"), ("memory_pattern", "true")]).unwrap();
        assert_eq!((settings.memory_pattern, settings.spinning), (Some(true), Some(false)));
    }

    #[test]
    fn unknown_options_and_values_are_refused_by_name() {
        for (option, value, told) in [
            ("graph_optimization", "most", "extended"),
            ("graph_optimization", "", "extended"),
            ("spinning", "1", "true or false"),
            ("memory_pattern", "yes", "true or false"),
            ("tf32", "on", "true or false"),
            ("mmap", "1", "true or false"),
            ("sessions", "-1", "a whole number"),
            ("sessions", "many", "a whole number"),
            ("flush_denormals", "true", "graph_optimization"),
        ] {
            let error = read(true, &[(option, value)]).unwrap_err();
            assert_eq!(error.kind(), LoadErrorKind::InvalidOption);
            let message = error.to_string();
            assert!(message.contains(option) && message.contains(told), "{message}");
        }
    }
}
