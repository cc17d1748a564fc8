//! The program around a server: its command line, its signals, its exit code.

mod arguments;
mod signals;

use std::{io::Write, num::NonZeroUsize, process::ExitCode, sync::Arc};

use clap::{Args, Command, FromArgMatches};
use runner_core::{Device, LoadError, Runner, RunnerConfig};
use serde_json::Value;

use self::arguments::{Arguments, OfOne};
use crate::{
    ServerSettings, StartError, Started, StartedModel, Stop,
    config::environment,
    model::{Description, Source},
    serve_with,
};

const INTERRUPTED: u8 = 130;

/// Loads a model with the engine of a name.
pub type Load = fn(&str, &RunnerConfig) -> Result<Box<dyn Runner>, LoadError>;

/// A server program.
pub struct Program {
    /// Name of the executable.
    pub name: &'static str,
    /// Version of the executable.
    pub version: &'static str,
    /// Loads models.
    pub load: Load,
    /// The names of the engines that can be used here, for messages.
    pub engines: fn() -> Vec<&'static str>,
    /// The model that the program carries; without one, models are named on the command line.
    pub carried: Option<Carried>,
}

/// A model in a program.
#[derive(Debug, Clone, Copy)]
pub struct Carried {
    /// The name that it is served by.
    pub name: &'static str,
    /// Its file's name, for messages.
    pub file: &'static str,
    /// The whole file.
    pub model: &'static [u8],
    /// Its whole golden file.
    pub goldens: Option<&'static [u8]>,
    /// Its whole manifest: the contract of a file that holds none, and the tolerance.
    pub manifest: Option<&'static [u8]>,
    /// Where it runs unless the command line says otherwise.
    pub device: Device,
    /// Threads of one run unless the command line says otherwise; measured where there are none.
    pub threads: Option<NonZeroUsize>,
    /// The engine that runs it.
    pub runner: &'static str,
}

/// Runs a server with the command line of this process until SIGTERM or SIGINT, or until what the
/// settings say cannot be done. What goes wrong is one line `error: …` and one line `hint: …` on
/// standard error.
pub fn run(program: &Program) -> ExitCode {
    // Panics of decoders and engines become errors of one request; the default hook would print
    // them besides.
    std::panic::set_hook(Box::new(|panic| {
        tracing::debug!(target: "panic", what = %panic, "contained");
    }));
    let arguments = match arguments(program) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let stop = Stop::new();
    match serve(program, &arguments, &stop) {
        Ok(()) if stop.is_now() => ExitCode::from(INTERRUPTED),
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error.to_string(), error.hint(), error.exit_code()),
    }
}

fn arguments(program: &Program) -> Result<Arguments, clap::Error> {
    let command = Command::new(program.name).version(program.version);
    if program.carried.is_some() {
        let command = OfOne::augment_args(command).about("Serves one model over HTTP.");
        let matches = command.try_get_matches()?;
        return OfOne::from_arg_matches(&matches).map(Arguments::from);
    }
    let command = Arguments::augment_args(command).about("Serves models over HTTP.");
    Arguments::from_arg_matches(&command.try_get_matches()?)
}

fn serve(program: &Program, arguments: &Arguments, stop: &Stop) -> Result<(), StartError> {
    signals::heed(stop)
        .map_err(|error| StartError::of_system("signals cannot be heeded", &error))?;
    let mut flags = arguments.flags()?;
    let carried = program.carried.iter().map(|carried| described(carried, arguments, &mut flags));
    let carried = carried.collect::<Result<_, _>>()?;
    let settings = ServerSettings::read(arguments.common.config.as_deref(), environment(), flags)?;
    let json = arguments.common.json;
    serve_with(settings, carried, program.load, stop, move |started| tell(started, json))
        .map_err(|error| with_engines(error, program))
}

/// The carried model as the command line wants it run; its own flags are taken out of the others.
fn described(
    carried: &Carried,
    arguments: &Arguments,
    flags: &mut Value,
) -> Result<Description, StartError> {
    Ok(Description {
        name: carried.name.to_owned(),
        version: "1".to_owned(),
        source: Source::Bytes {
            file: carried.file.to_owned(),
            model: Arc::from(carried.model),
            goldens: carried.goldens.map(Arc::from),
            manifest: carried.manifest.map(Arc::from),
        },
        runner: carried.runner.to_owned(),
        settings: arguments.of_carried(carried.device, carried.threads, flags)?,
    })
}

/// Names the engines where the hint can only point to a list.
fn with_engines(error: StartError, program: &Program) -> StartError {
    if error.kind() != "backend_unavailable" {
        return error;
    }
    let ready = (program.engines)().join(", ");
    error.with_hint(format!("Ready here: {}.", if ready.is_empty() { "none" } else { &ready }))
}

/// Tells on standard output where the server listens and what it serves.
fn tell(started: &Started, json: bool) {
    let text = if json {
        serde_json::to_string(started).unwrap_or_default()
    } else {
        let mut lines: Vec<String> = started.models.iter().map(line).collect();
        lines.push(format!("serving at {}", started.address));
        lines.join("\n")
    };
    let mut out = std::io::stdout().lock();
    // Whoever started the server may not listen.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn line(model: &StartedModel) -> String {
    let batching = match model.batching.as_str() {
        "on" => "on".to_owned(),
        reason => format!("off ({reason})"),
    };
    let StartedModel { name, version, runner, runner_version, engines, threads, .. } = model;
    format!(
        "{name} version {version}: {runner} {runner_version}, {engines} x {threads} threads, \
         batching {batching}"
    )
}

/// Ends a run that clap ended: help and version are printed and end with 0.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Nothing is left to tell when even this cannot be printed.
        drop(error.print());
        return ExitCode::SUCCESS;
    }
    // What follows the first paragraph is the usage, which the hint points to.
    let text = error.to_string();
    let reason = text.split("\n\n").next().unwrap_or_default();
    report(reason.trim_start_matches("error: "), "--help lists what the program takes.", 2)
}

fn report(message: &str, hint: &str, code: u8) -> ExitCode {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    eprintln!("error: {}", one_line(message));
    eprintln!("hint: {}", one_line(hint));
    ExitCode::from(code)
}
