//! LibTorch behind the contract of `runner_core`.

use runner_core::{
    Availability, Backend, Capabilities, LoadError, LoadErrorKind, Runner, RunnerConfig,
};

const NAME: &str = "tch";

/// The factory of LibTorch runners.
#[derive(Debug, Clone, Copy, Default)]
pub struct TchBackend;

impl Backend for TchBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self) -> Availability {
        Availability::Missing { hint: "nothing".to_owned() }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: vec![],
            dtypes: vec![],
            devices: vec![],
            precisions: vec![],
            dynamic_dims: true,
            from_bytes: true,
        }
    }

    fn load(&self, config: &RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {
        Err(LoadError::new(LoadErrorKind::BackendUnavailable, &config.source.name(), "none"))
    }
}
