//! Runs a denoiser, or any model with a picture contract, that is named on the command line.
//!
//! ```text
//! denoiser_cli --model denoiser.onnx --engine rten noisy.png clean.png
//! ```

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use runners::core::{Availability, ModelSource};
use vision_program::{Arguments, Exit, Fault, Setup};

/// Runs a model on a picture of any size, or on tensors.
#[derive(Parser)]
#[command(name = "denoiser_cli", version)]
struct Command {
    /// The model, an ONNX file
    #[arg(long, value_name = "PATH")]
    model: PathBuf,

    /// The engine that runs it
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,

    #[command(flatten)]
    arguments: Arguments,
}

fn main() -> ExitCode {
    let command = match Command::try_parse() {
        Ok(command) => command,
        Err(error) => return vision_program::usage(&error),
    };
    let Some(engine) = command.engine else {
        return Fault::new(Exit::BadInput, "no engine is named")
            .with_hint(format!("Add --engine with one of: {}.", ready_engines().join(", ")))
            .report_as(command.arguments.json);
    };
    let setup = Setup {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        source: ModelSource::Path(command.model),
        manifest: None,
        load: &|config| runners::load(&engine, config),
    };
    vision_program::execute(&setup, &command.arguments)
}

fn ready_engines() -> Vec<&'static str> {
    let ready = |row: &&runners::Row| matches!(row.check(), Availability::Ready { .. });
    runners::backends().iter().filter(ready).map(|row| row.name).collect()
}
