//! The model `@{name}` behind HTTP, run by @{engine}.
use std::{num::NonZeroUsize, process::ExitCode};

use inference_server::program::{Carried, Program, run};
use runner_core::{Availability, Backend, Device};
use @{crate}::@{backend};

/// Threads of one run that were found best where the package was made.
const THREADS: Option<NonZeroUsize> = @{threads};

fn main() -> ExitCode {
    run(&Program {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        load: |_, config| @{backend}.load(config),
        engines: ready_engines,
        carried: Some(Carried {
            name: env!("CARGO_PKG_NAME"),
            file: "@{model}",
            model: include_bytes!("../@{model}"),
            goldens: Some(include_bytes!("../model.golden.safetensors")),
            manifest: Some(include_bytes!("../model.oxv.json")),
            runner: "@{engine}",
            device: @{device},
            threads: THREADS,
        }),
    })
}

fn ready_engines() -> Vec<&'static str> {
    match @{backend}.check() {
        Availability::Ready { .. } => vec!["@{engine}"],
        _ => Vec::new(),
    }
}
