//! The one engine of this module.

use runner_core::{Availability, Backend, DType, LoadError, Runner, RunnerConfig};
#[cfg(feature = "rten")]
use runner_rten::{RtenBackend as Engine, load_content};
#[cfg(all(feature = "tract", not(feature = "rten")))]
use runner_tract::{TractBackend as Engine, load_content};

#[cfg(not(any(feature = "rten", feature = "tract")))]
compile_error!("one of the features `rten` and `tract` is needed");

/// The engine's name.
pub const NAME: &str = if cfg!(feature = "rten") { "rten" } else { "tract" };

/// Whether workers can compute for it.
pub const THREADS: bool = cfg!(feature = "threads");

/// Loads the model that `file` is; `config.source` only names it.
pub(crate) fn load(config: &RunnerConfig, file: Vec<u8>) -> Result<Box<dyn Runner>, LoadError> {
    Ok(Box::new(load_content(config, file)?))
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
