use std::path::Path;

use serde::Serialize;

use crate::{
    DType, Device, LoadError, LoadErrorKind, Precision, Runner, RunnerConfig, prepared::Prepared,
};

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

    /// The usual ending of the files that [`Self::prepare`] writes; `None` where it writes none.
    fn prepared_format(&self) -> Option<&'static str> {
        None
    }

    /// Writes a model to `out` in the form that this engine loads soonest or in the least memory,
    /// after the settings of `config`, and proves that it is the same model. What was at `out` is
    /// gone, and what is there after an error is of no use.
    ///
    /// # Errors
    /// As [`Self::load`]; [`LoadErrorKind::Unsupported`] where the engine has no such form or
    /// cannot write this model in it, [`LoadErrorKind::FileSystem`] when `out` cannot be written.
    fn prepare(&self, config: &RunnerConfig, out: &Path) -> Result<Prepared, LoadError> {
        let _ = out;
        let message = format!("{} has no prepared form of models", self.name());
        Err(LoadError::new(LoadErrorKind::Unsupported, &config.source.name(), message))
    }
}
