//! The one engine of this module.

use runner_core::{Availability, Backend, DType, LoadError, Runner, RunnerConfig};
#[cfg(feature = "rten")]
use runner_rten::{RtenBackend as Engine, RtenRunner as EngineRunner};
#[cfg(all(feature = "tract", not(feature = "rten")))]
use runner_tract::{TractBackend as Engine, TractRunner as EngineRunner};

#[cfg(not(any(feature = "rten", feature = "tract")))]
compile_error!("one of the features `rten` and `tract` is needed");

/// The engine's name.
pub const NAME: &str = if cfg!(feature = "rten") { "rten" } else { "tract" };

/// Whether workers can compute for it.
pub const THREADS: bool = cfg!(feature = "threads");

pub(crate) fn load(config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
    Ok(Box::new(EngineRunner::from_config(config)?))
}

/// Element types that it takes and gives.
pub fn dtypes() -> Vec<DType> {
    Engine.capabilities().dtypes
}

/// The engine's own version.
pub fn version() -> String {
    match Engine.check() {
        Availability::Ready { version } => version,
        _ => String::new(),
    }
}
