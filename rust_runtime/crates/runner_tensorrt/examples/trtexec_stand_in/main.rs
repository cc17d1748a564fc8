//! A stand-in for `trtexec` (and, under that name, for `nvidia-smi`), for tests only.
//!
//! It takes the flags of the real program's versions and refuses the others, prints the same
//! banner and errors, writes an "engine" that holds the model, and gives outputs in the real
//! formats with real numbers, computed by tract. Nothing of it ships, and passing with it says
//! that the conversation with `trtexec` is right, not that a GPU ran anything.
//!
//! `stand-in.json` beside the program (`version`, `gpus`, `behaviour`), else the environment
//! (`OXV_STANDIN_TENSORRT`, `OXV_STANDIN_GPUS`) says what it stands in for.

mod arguments;
mod bindings;
mod build;
mod engine;
mod print;
mod run;
mod stage;

use std::{env, path::Path, process::ExitCode, thread, time::Duration};

use arguments::Arguments;
use stage::Stage;

/// Why a call fails: the lines that the real program marks as errors.
type Errors = Vec<String>;

fn main() -> ExitCode {
    let mut words = env::args_os();
    let program = words.next().unwrap_or_default();
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let stage = Stage::beside(Path::new(&program));
    if Path::new(&program).file_name().is_some_and(|name| name == "nvidia-smi") {
        return list_gpus(&stage, &words);
    }
    if stage.behaviour == "silent" {
        return ExitCode::SUCCESS;
    }
    let title = format!("{} # {} {}", stage.title(), program.to_string_lossy(), words.join(" "));
    println!("&&&& RUNNING {title}");
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("=== Model Options ===\n  --onnx=<file>               ONNX model");
        return ExitCode::SUCCESS;
    }
    stage.log(&words);
    match call(&stage, &words) {
        Ok(()) => {
            println!("&&&& PASSED {title}");
            ExitCode::SUCCESS
        }
        Err(errors) => {
            for error in errors {
                eprintln!("[11/24/2026-10:00:00] [E] {error}");
            }
            println!("&&&& FAILED {title}");
            ExitCode::FAILURE
        }
    }
}

fn list_gpus(stage: &Stage, words: &[String]) -> ExitCode {
    if words != ["-L"] || stage.gpus.is_empty() {
        println!("No devices were found");
        return ExitCode::from(6);
    }
    for (index, gpu) in stage.gpus.iter().enumerate() {
        println!("GPU {index}: {gpu}");
    }
    ExitCode::SUCCESS
}

fn call(stage: &Stage, words: &[String]) -> Result<(), Errors> {
    let arguments = Arguments::parse(stage, words)?;
    let device: usize = arguments.number("--device")?.unwrap_or(0);
    if device >= stage.gpus.len() {
        println!("[11/24/2026-10:00:00] [I] Cannot find device ID {device}!");
        return Err(Vec::new());
    }
    println!("[11/24/2026-10:00:00] [I] TensorRT version: {}", stage.version);
    let loads = arguments.value("--loadEngine").is_some();
    if stage.behaviour == "hang" || (loads && stage.behaviour == "hang_on_run") {
        thread::sleep(Duration::from_mins(10));
    }
    if loads { run::run(stage, &arguments) } else { build::build(stage, &arguments) }
}
