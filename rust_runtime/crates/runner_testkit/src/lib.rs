//! The suite that every engine passes, on the small models of `testdata/`.
//!
//! An engine brings a [`Profile`]: its tolerance, and the cases that it fails for a stated reason.
//! Nothing else may differ. A run goes through every case and reports all that went wrong; a case
//! that a profile excuses must really fail, so an excuse cannot outlive its reason.

mod external;
mod golden;
mod loading;
mod prepared;
mod profile;
mod refusals;
mod running;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use runner_core::{Backend, Device, LoadError, NamedTensors, Runner, RunnerConfig};

pub use golden::{GoldenCase, difference, golden_cases};
pub use prepared::prepared_testdata;

/// What sets one engine apart from the others.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The folder `testdata`.
    pub testdata: PathBuf,
    /// The ending of the model files that the engine runs: `onnx`, `pt`, or one of its prepared
    /// files.
    pub format: &'static str,
    /// Where the models run.
    pub device: Device,
    /// Largest difference from PyTorch that passes, relative to the largest expected value.
    pub tolerance: f64,
    /// Cases that the engine fails.
    pub exceptions: &'static [Exception],
}

/// A case that an engine fails, and why.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// The case's name, as reports give it.
    pub case: &'static str,
    /// What the engine lacks.
    pub reason: &'static str,
}

/// What a run of the suite found.
#[derive(Debug)]
pub struct Report {
    engine: &'static str,
    cases: usize,
    failures: Vec<(String, String)>,
}

impl Report {
    /// Whether every case came out as it should.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// Every failing case with its reason.
    pub fn failures(&self) -> &[(String, String)] {
        &self.failures
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} of {} cases fail", self.engine, self.failures.len(), self.cases)?;
        self.failures.iter().try_for_each(|(case, reason)| writeln!(f, "  {case}: {reason}"))
    }
}

/// How one case ends: with nothing to say, or with what is wrong.
type Outcome = Result<(), String>;

/// Runs every case on an engine.
pub fn run(backend: &dyn Backend, profile: &Profile) -> Report {
    let mut bench = Bench { backend, profile, outcomes: Vec::new() };
    loading::check(&mut bench);
    running::check(&mut bench);
    profile::check(&mut bench);
    refusals::check(&mut bench);
    if bench.engine().reads_onnx() {
        external::check(&mut bench);
    }
    bench.report()
}

/// An engine on the bench, with what its cases came to.
struct Bench<'a> {
    backend: &'a dyn Backend,
    profile: &'a Profile,
    outcomes: Vec<(String, Outcome)>,
}

impl<'a> Bench<'a> {
    fn engine(&self) -> Engine<'a> {
        Engine { backend: self.backend, profile: self.profile }
    }

    fn case(&mut self, name: &str, check: impl FnOnce(&Engine<'a>) -> Outcome) {
        let engine = self.engine();
        let outcome = catch_unwind(AssertUnwindSafe(|| check(&engine)));
        let outcome = outcome.unwrap_or_else(|_| Err("it panicked".to_owned()));
        self.outcomes.push((name.to_owned(), outcome));
    }

    fn report(self) -> Report {
        let exceptions = self.profile.exceptions;
        let excused = |case: &str| exceptions.iter().find(|exception| exception.case == case);
        let cases = self.outcomes.len();
        let unknown = exceptions
            .iter()
            .filter(|exception| !self.outcomes.iter().any(|(case, _)| case == exception.case))
            .map(|exception| {
                (exception.case.to_owned(), "is excused, but no such case".to_owned())
            });
        let mut failures: Vec<_> = unknown.collect();
        failures.extend(self.outcomes.into_iter().filter_map(|(case, outcome)| {
            match (outcome, excused(&case)) {
                (Err(reason), None) => Some((case, reason)),
                (Ok(()), Some(exception)) => {
                    Some((case, format!("passes, though excused: {}", exception.reason)))
                }
                _ => None,
            }
        }));
        Report { engine: self.backend.name(), cases, failures }
    }
}

/// What a case works with.
struct Engine<'a> {
    backend: &'a dyn Backend,
    profile: &'a Profile,
}

impl Engine<'_> {
    fn reads_onnx(&self) -> bool {
        self.profile.format == "onnx"
    }

    fn reads_torchscript(&self) -> bool {
        self.profile.format == "pt"
    }

    fn file(&self, folder: &str, name: &str) -> PathBuf {
        self.profile.testdata.join(folder).join(format!("{name}.{}", self.profile.format))
    }

    fn model(&self, name: &str) -> PathBuf {
        self.file("models", name)
    }

    /// The default settings for a file, on the device of the profile.
    fn config_of(&self, file: impl Into<PathBuf>) -> RunnerConfig {
        RunnerConfig { device: self.profile.device, ..RunnerConfig::from_path(file) }
    }

    /// The default settings for a model of `testdata/models`.
    fn config(&self, name: &str) -> RunnerConfig {
        self.config_of(self.model(name))
    }

    /// The default settings for a model of `testdata/hostile`.
    fn hostile(&self, name: &str) -> RunnerConfig {
        self.config_of(self.file("hostile", name))
    }

    fn load(&self, config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
        self.backend.load(config)
    }

    /// Loads a file's content: from memory where the engine can, else from a file of its own.
    fn load_content(&self, content: Vec<u8>) -> Result<Box<dyn Runner>, LoadError> {
        let device = self.profile.device;
        if self.backend.capabilities().from_bytes {
            return self.load(&RunnerConfig { device, ..RunnerConfig::from_bytes("m", content) });
        }
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join(format!("m.{}", self.profile.format));
        std::fs::write(&file, content).expect("a temporary file can be written");
        self.load(&self.config_of(file))
    }

    /// Loads a model of `testdata/models` with the default settings.
    fn open(&self, name: &str) -> Result<Box<dyn Runner>, String> {
        self.load(&self.config(name)).map_err(|error| error.to_string())
    }

    fn golden(&self, name: &str) -> Result<Vec<GoldenCase>, String> {
        golden_cases(&self.profile.testdata.join("models").join(format!("{name}.safetensors")))
    }

    /// Compares outputs with PyTorch's, names and order included.
    fn compare(&self, outputs: &NamedTensors, expected: &NamedTensors) -> Outcome {
        golden::compare(outputs, expected, self.profile.tolerance)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(message()) }
}
