//! A program whose model stands at its own end, where `oxidizedvision package --kind executable`
//! puts it: no compiler is needed to make one.
//!
//! The file is a program and a ZIP archive at once. The archive's comment is `sha256:` and the
//! SHA-256 of everything before those 64 digits; a program that finds another sum says so and
//! nothing else. It sums up while it loads the model, and waits before it runs it. That shows damage, not authorship: who changes the file can write a new sum.

mod aborts;
mod archive;
mod contents;
mod sum;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Args, Command, FromArgMatches};
use runner_core::{ModelSource, RunnerConfig};
use serde_json::{Value, json};
use vision_model::{Manifest, Model};
use vision_program::{Arguments, Exit, Fault, Load, SCHEMA_VERSION, Setup, pretty, print};

use crate::{archive::Archive, contents::Contents, sum::Sum};

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

const ABOUT: &str = "Runs the one model that this file carries, on a picture, a folder or tensors.";

// A doc comment here would stand in the help.
#[derive(Debug, Args)]
struct Own {
    /// Replay the inputs that were recorded when the model was converted, and compare the answers
    /// with those that PyTorch gave
    #[arg(long, conflicts_with_all = ["input_file", "input", "timing", "info", "extract"])]
    check: bool,

    /// Write what the file carries, its model and papers, into a new folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["input_file", "input", "timing", "info"])]
    extract: Option<PathBuf>,

    #[command(flatten)]
    arguments: Arguments,
}

/// Runs this process's own file, by the command line of this process.
pub fn run(load: Load) -> ExitCode {
    aborts::tell();
    aborts::refuse_large_files();
    let opened = Archive::of_this_program().and_then(|(archive, sum)| {
        let contents = Contents::of(&archive).inspect_err(|_| sum.wait())?;
        Ok((archive, contents, sum))
    });
    let (archive, contents, sum) = match opened {
        Ok(opened) => opened,
        Err(fault) => return fault.report_as(vision_program::asks_for_json()),
    };
    // clap keeps names for as long as the process runs.
    let name: &'static str = contents.name.clone().leak();
    let version: &'static str = contents.version.clone().leak();
    let command = Own::augment_args(Command::new(name).version(version));
    let command = command.about(ABOUT).long_about(vision_program::LONG_ABOUT);
    let own = command.try_get_matches().and_then(|matches| Own::from_arg_matches(&matches));
    let own = match own {
        Ok(own) if own.extract.is_none() && !own.check => {
            return execute((&archive, &sum), &contents, load, (name, version), &own.arguments);
        }
        own => own,
    };
    sum.wait();
    let own = match own {
        Ok(own) => own,
        Err(error) => return vision_program::usage(&error),
    };
    let done = match &own.extract {
        Some(folder) => archive.extract(folder).map(|files| Told {
            text: files
                .iter()
                .map(|file| file.display().to_string())
                .collect::<Vec<_>>()
                .join("\n"),
            document: json!({"schema_version": SCHEMA_VERSION, "files": files}),
        }),
        None => check(&archive, &contents, load),
    };
    let json = own.arguments.json;
    done.and_then(|told| print(&if json { pretty(&told.document) } else { told.text }))
        .map_or_else(|fault| fault.report_as(json), |_| ExitCode::SUCCESS)
}

/// What was done, for people and for programs.
struct Told {
    text: String,
    document: Value,
}

/// Runs the model once the sum is compared, which goes on while the model is loaded.
fn execute(
    (archive, sum): (&Archive, &Sum),
    contents: &Contents,
    load: Load,
    (name, version): (&str, &str),
    arguments: &Arguments,
) -> ExitCode {
    let load = |config: &RunnerConfig| {
        let loaded = load(&with_threads(config, contents.threads));
        sum.wait();
        loaded
    };
    let done = source(archive, contents).and_then(|source| {
        let setup = Setup { name, version, source, manifest: None, load: &load };
        vision_program::attempt(&setup, arguments)
    });
    sum.wait();
    vision_program::report(done, arguments)
}

fn source(archive: &Archive, contents: &Contents) -> Result<ModelSource, Fault> {
    let bytes = archive.part(&contents.model)?;
    Ok(ModelSource::Bytes { name: contents.name.clone(), bytes })
}

/// The number of threads that was found best where the package was made, as far as there are as
/// many processors; what the command line says comes first.
fn with_threads(config: &RunnerConfig, best: Option<usize>) -> RunnerConfig {
    let granted = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = config.threads.or_else(|| best.map(|best| best.min(granted())));
    RunnerConfig { threads, ..config.clone() }
}

/// Replays the recorded inputs in this process.
fn check(archive: &Archive, contents: &Contents, load: Load) -> Result<Told, Fault> {
    let bytes = archive.part(&contents.model)?;
    let (manifest, goldens) = (archive.part(&contents.manifest)?, archive.part(&contents.goldens)?);
    let goldens = Manifest::proof(&manifest, &bytes, &goldens)?;
    let source = ModelSource::Bytes { name: contents.name.clone(), bytes: Arc::clone(&bytes) };
    let config = with_threads(&RunnerConfig::new(source), contents.threads);
    let model = Model::from_onnx(&bytes, || load(&config).map_err(Refused::Engine));
    let model = model.map_err(Fault::from)?;
    let report = goldens.replay(|inputs| model.runner.run_named(inputs))?;
    if report.passed() {
        let text = report.to_string();
        let document = json!({"schema_version": SCHEMA_VERSION, "passed": true, "report": text});
        return Ok(Told { text, document });
    }
    let text = format!("the answers differ from PyTorch's; {report}");
    Err(Fault::new(Exit::CheckFailed, text))
}

/// Why a model was not loaded.
enum Refused {
    Engine(runner_core::LoadError),
    Contract(vision_model::ModelError),
}

impl From<vision_model::ModelError> for Refused {
    fn from(error: vision_model::ModelError) -> Self {
        Self::Contract(error)
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Engine(error) => error.into(),
            Refused::Contract(error) => error.into(),
        }
    }
}
