//! Runs the model at its own end with tract.
use std::process::ExitCode;

use runner_core::Runner;
use runner_tract::TractRunner;

fn main() -> ExitCode {
    model_executable::run(|config| Ok(Box::new(TractRunner::from_config(config)?)))
}
