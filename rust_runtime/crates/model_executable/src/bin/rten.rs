//! Runs the model at its own end with rten.
use std::process::ExitCode;

use runner_core::Runner;
use runner_rten::RtenRunner;

fn main() -> ExitCode {
    model_executable::run(|config| Ok(Box::new(RtenRunner::from_config(config)?)))
}
