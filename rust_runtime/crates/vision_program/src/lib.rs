//! Everything that a program around one model does: its command line, pictures and tensors in and
//! out, timing, and the comparison with PyTorch's answers.
//!
//! A generated program is a `main` that calls [`run`] with its model and its engine's loader. A
//! program that gets its model on the command line flattens [`Arguments`] into its own and calls
//! [`execute`].

mod arguments;
mod benchmark;
mod fault;
mod files;
mod folder;
pub mod golden;
mod job;
mod npy;
mod output;
mod results;
mod session;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use clap::{Args, Command, FromArgMatches};
use runner_core::{LoadError, ModelSource, Runner, RunnerConfig};

pub use crate::{
    arguments::Arguments,
    fault::{Exit, Fault},
    job::{SCHEMA_VERSION, pretty},
    output::print,
};

const ABOUT: &str = "Runs one model on a picture or on tensors.";
/// What `--help` says of every program around one model.
pub const LONG_ABOUT: &str = "Runs one model on a picture or on tensors.

A file that ends in .npy is a tensor of the model's element type, a result that ends in .json tells
labels or boxes; anything else is a picture. Of a folder each picture and tensor becomes a file of
the folder OUTPUT.";

/// Loads a model with one engine.
pub type Load = fn(&RunnerConfig) -> Result<Box<dyn Runner>, LoadError>;

/// A [`Load`] that may hold what it needs, such as an engine's name.
pub trait Loader: Fn(&RunnerConfig) -> Result<Box<dyn Runner>, LoadError> {}

impl<F: Fn(&RunnerConfig) -> Result<Box<dyn Runner>, LoadError>> Loader for F {}

/// A program that carries its model.
pub struct Program {
    /// Name of the executable.
    pub name: &'static str,
    /// Version of the executable.
    pub version: &'static str,
    /// The model's whole file.
    pub model: &'static [u8],
    /// Its whole manifest, where the file itself does not say how pictures go through it.
    pub manifest: Option<&'static [u8]>,
    /// The engine's loader.
    pub load: Load,
}

/// A model and the engine to run it, when both are known only at run time.
pub struct Setup<'a> {
    /// Name of the executable.
    pub name: &'a str,
    /// Version of the executable.
    pub version: &'a str,
    /// The model.
    pub source: ModelSource,
    /// Its whole manifest, where the file itself does not say how pictures go through it.
    pub manifest: Option<&'a [u8]>,
    /// The engine's loader.
    pub load: &'a dyn Loader,
}

/// Runs a program with the command line of this process. It never panics; what goes wrong is one
/// line `error: …` and, where there is a way out, one line `hint: …` on standard error.
pub fn run(program: &Program) -> ExitCode {
    let command = Arguments::augment_args(Command::new(program.name).version(program.version));
    let command = command.about(ABOUT).long_about(LONG_ABOUT);
    let arguments = match command.try_get_matches() {
        Ok(matches) => Arguments::from_arg_matches(&matches),
        Err(error) => Err(error),
    };
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let source = ModelSource::Bytes { name: program.name.to_owned(), bytes: program.model.into() };
    let Program { name, version, manifest, .. } = *program;
    let setup = Setup { name, version, source, manifest, load: &program.load };
    execute(&setup, &arguments)
}

/// Does what `arguments` ask for. Standard output gets the answer, standard error the faults.
pub fn execute(setup: &Setup<'_>, arguments: &Arguments) -> ExitCode {
    report(attempt(setup, arguments), arguments)
}

/// What [`execute`] does after [`attempt`].
pub fn report(done: Result<Option<Fault>, Fault>, arguments: &Arguments) -> ExitCode {
    match done {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(fault)) => fault.report(),
        Err(fault) => fault.report_as(arguments.json),
    }
}

/// [`execute`] without its last words: the fault beside an answer, or the one in place of it.
///
/// # Errors
/// Any fault by which there is no answer; a panic is one of ours.
pub fn attempt(setup: &Setup<'_>, arguments: &Arguments) -> Result<Option<Fault>, Fault> {
    // Panics of decoders and engines become errors; the default hook would print them besides.
    std::panic::set_hook(Box::new(|_| {}));
    catch_unwind(AssertUnwindSafe(|| job::run(setup, arguments))).unwrap_or_else(|_| {
        Err(Fault::new(Exit::OurFault, "the program ran into a fault of its own")
            .with_hint("Please report it with the command and the files that it was given."))
    })
}

/// Ends a run that clap ended: help and version are printed and end with 0, a wrong command line is
/// a fault like any other and ends with 2.
pub fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return print(error.to_string().trim_end())
            .map_or_else(|fault| fault.report(), |_| ExitCode::SUCCESS);
    }
    // What follows the first paragraph is the usage, which the hint points to.
    let text = error.to_string();
    let reason = text.split("\n\n").next().unwrap_or_default();
    Fault::usage(reason.trim_start_matches("error: ")).report_as(asks_for_json())
}

/// Whether this process was started with `--json`, where its command line is not read or wrong.
pub fn asks_for_json() -> bool {
    std::env::args_os().any(|word| word == "--json")
}
