//! Runs the exported cases of the ONNX project through one engine, a line of JSON for each.
//!
//! A line is written and flushed as soon as its case ends: whoever reads knows which case took the
//! process down, and starts again after it.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use engine_bench::{
    bare,
    cases::{Caller, attempt, case_folders, case_name},
};

/// The ONNX project's cases in one engine
#[derive(Debug, Parser)]
struct Arguments {
    /// tract, rten, ort or openvino
    #[arg(long)]
    engine: String,

    /// The folder that the exporter wrote
    #[arg(long, value_name = "FOLDER", required_unless_present = "about")]
    cases: Option<PathBuf>,

    /// Print whether the engine can be used here, as JSON, and do nothing else
    #[arg(long)]
    about: bool,

    /// Call the engine itself and not our runner
    #[arg(long)]
    bare: bool,

    /// Start after this case
    #[arg(long, value_name = "CASE")]
    after: Option<String>,

    /// Run this case only
    #[arg(long, value_name = "CASE", conflicts_with = "after")]
    only: Option<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let caller = if arguments.bare { Caller::Bare } else { Caller::Ours };
    let Some(folder) = arguments.cases.as_ref().filter(|_| !arguments.about) else {
        return about(&arguments.engine);
    };
    check(caller, &arguments.engine)?;
    let mut folders = case_folders(folder)?;
    if let Some(only) = &arguments.only {
        folders.retain(|folder| case_name(folder) == *only);
    }
    if let Some(after) = &arguments.after {
        folders.retain(|folder| case_name(folder) > *after);
    }
    // Panics are outcomes: their reports would only bury the lines.
    std::panic::set_hook(Box::new(|_| {}));
    let mut output = io::stdout().lock();
    for folder in folders {
        let outcome = attempt(caller, &arguments.engine, &folder);
        let line = serde_json::to_string(&outcome).map_err(|error| error.to_string())?;
        writeln!(output, "{line}").and_then(|()| output.flush()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn about(engine: &str) -> Result<(), String> {
    let row = runners::backends().iter().find(|row| row.name == engine);
    let state = row.ok_or_else(|| format!("no engine {engine:?}"))?.check();
    println!("{}", serde_json::to_string(&state).map_err(|error| error.to_string())?);
    Ok(())
}

fn check(caller: Caller, engine: &str) -> Result<(), String> {
    match caller {
        Caller::Ours => runners::backend(engine).map(drop).map_err(|error| error.to_string()),
        Caller::Bare if bare::ENGINES.contains(&engine) => Ok(()),
        Caller::Bare => Err(format!("no engine {engine:?}; known: {}", bare::ENGINES.join(", "))),
    }
}
