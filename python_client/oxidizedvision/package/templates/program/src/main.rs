//! The model `@{name}` as a program, run by @{engine}.
use std::process::ExitCode;

use runner_core::@{imports};
use @{crate}::@{backend};
use vision_program::Program;

fn main() -> ExitCode {
    vision_program::run(&Program {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        model: include_bytes!("../@{model}"),
        manifest: @{contract},
        load: @{load},
    })
}
