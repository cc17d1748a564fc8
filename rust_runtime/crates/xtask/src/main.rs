//! Steps of the build that cargo has no word for.
//!
//! `xtask bind MODULE FOLDER` writes the JavaScript and the types beside a module that cargo has
//! built, as the program `wasm-bindgen` does, which would have to be of exactly our version.

use std::{env, error::Error, ffi::OsString, path::Path, process::ExitCode};

use wasm_bindgen_cli_support::Bindgen;

const USAGE: &str = "usage: xtask bind MODULE.wasm FOLDER";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let [verb, module, folder] = &arguments[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if verb != "bind" {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    match bind(Path::new(module), Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {} cannot be bound: {error}", Path::new(module).display());
            ExitCode::FAILURE
        }
    }
}

fn bind(module: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name("oxidizedvision").typescript(true).web(true)?;
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen.generate(folder)?;
    Ok(())
}
