//! Serves models over HTTP: tensors by the Open Inference Protocol, pictures by `/predict`.
//!
//! ```text
//! image_server denoiser.oxv.json --runner rten --port 8000
//! ```

use std::process::ExitCode;

use inference_server::program::{Program, run};
use runners::core::Availability;

fn main() -> ExitCode {
    run(&Program {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        load: runners::load,
        engines: ready_engines,
        carried: None,
    })
}

fn ready_engines() -> Vec<&'static str> {
    let ready = |row: &&runners::Row| matches!(row.check(), Availability::Ready { .. });
    runners::backends().iter().filter(ready).map(|row| row.name).collect()
}
