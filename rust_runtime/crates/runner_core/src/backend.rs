use serde::Serialize;

use crate::{DType, Device, LoadError, Precision, Runner, RunnerConfig};

/// Whether an engine can be used here and, where it cannot, what makes it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Availability {
    /// It can load models now.
    Ready {
        /// The engine's own version.
        version: String,
    },
    /// This build does not contain it.
    NotBuilt {
        /// The command that builds it in.
        hint: String,
    },
    /// It is built in, but a library or program that it needs is not there.
    Missing {
        /// What to install or set.
        hint: String,
    },
}

/// What an engine can do, whatever the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// File formats by their ending: `onnx`, `pt`, …
    pub formats: Vec<&'static str>,
    /// Element types it takes and gives, conversions included.
    pub dtypes: Vec<DType>,
    /// Devices that are there now.
    pub devices: Vec<Device>,
    /// Precisions that it can be asked to compute in; `fp32` stands for that of the model's file.
    pub precisions: Vec<Precision>,
    /// Whether symbolic axes may change from run to run.
    pub dynamic_dims: bool,
    /// Whether a model can be loaded from memory.
    pub from_bytes: bool,
}

/// An engine: a factory of runners.
pub trait Backend: Send + Sync {
    /// The name that selects it, in lower case.
    fn name(&self) -> &'static str;

    /// Whether it can be used here; never panics, never loads a model.
    fn check(&self) -> Availability;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Loads a model.
    ///
    /// # Errors
    /// [`LoadError`], with a kind that tells a bad model from a missing engine.
    fn load(&self, config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError>;
}
