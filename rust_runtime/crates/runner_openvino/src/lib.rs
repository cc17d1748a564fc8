//! OpenVINO behind the contract of `runner_core`.

use runner_core::{
    Availability, Backend, Capabilities, LoadError, LoadErrorKind, Runner, RunnerConfig,
};

const NAME: &str = "openvino";

/// The factory of OpenVINO runners.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenvinoBackend;

impl Backend for OpenvinoBackend {
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
