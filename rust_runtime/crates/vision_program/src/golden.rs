//! Compares a program's own answers with those that PyTorch gave when the model was converted.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use runner_core::{NamedTensors, Tensor};
use serde::Deserialize;
pub use vision_model::{Difference, GoldenReport, GoldenRow, Tolerance};
use vision_model::{FileRecord, GoldenCase, Goldens, Manifest, Stage, hex_sha256};

use crate::{files, npy};

/// Why a program is not shown to give what PyTorch gave.
#[derive(Debug)]
#[non_exhaustive]
pub enum GoldenError {
    /// A file is missing, unreadable or not of its format.
    File(String),
    /// A file is not the one that the manifest lists, or the program carries another model.
    NotTheSame(String),
    /// The program cannot be started.
    NotStarted(String),
    /// The program started and ended with an error.
    Failed(String),
    /// The program's answers differ from PyTorch's.
    Different(GoldenReport),
}

impl fmt::Display for GoldenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(text)
            | Self::NotTheSame(text)
            | Self::NotStarted(text)
            | Self::Failed(text) => f.write_str(text),
            Self::Different(report) => write!(f, "the program differs from PyTorch\n{report}"),
        }
    }
}

impl std::error::Error for GoldenError {}

/// Shows that `executable` gives what PyTorch gave: `model` and `golden` are the files that
/// `manifest` lists, the executable carries that model, and its answers to the recorded inputs
/// are within the tolerance that the manifest has for that model, or else the golden file.
///
/// # Errors
/// [`GoldenError`]; `Ok` means that everything passed.
pub fn check(
    executable: &Path,
    model: &Path,
    golden: &Path,
    manifest: &Path,
) -> Result<GoldenReport, GoldenError> {
    let listed = Manifest::read(&bytes_of(manifest)?)
        .map_err(|error| GoldenError::File(format!("{}: {error}", manifest.display())))?;
    let stage = packaged(&listed)?;
    let model_sha256 = same_file(model, &stage.output)?.1;
    let golden_bytes = same_file(golden, &listed.goldens)?.0;
    let mut goldens = Goldens::read(&golden_bytes)
        .map_err(|reason| GoldenError::File(format!("{}: {reason}", golden.display())))?;
    goldens.tolerance = listed.tolerance_of(stage).unwrap_or(goldens.tolerance);
    same_model(executable, &model_sha256)?;
    let mut rows = Vec::new();
    for case in &goldens.cases {
        let made = run_case(executable, case)?;
        rows.extend(case.compare(&made, &goldens.tolerance));
    }
    let report = GoldenReport { tolerance: goldens.tolerance, rows };
    if report.passed() { Ok(report) } else { Err(GoldenError::Different(report)) }
}

/// What made the file that a program carries: the last stage of a package's manifest.
fn packaged(manifest: &Manifest) -> Result<&Stage, GoldenError> {
    let missing = || GoldenError::File("the manifest lists no model".to_owned());
    manifest.stages.last().ok_or_else(missing)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, GoldenError> {
    files::read(path).map_err(|fault| GoldenError::File(fault.to_string()))
}

/// The file's content and SHA-256, when they are what the manifest says.
fn same_file(path: &Path, record: &FileRecord) -> Result<(Vec<u8>, String), GoldenError> {
    let bytes = bytes_of(path)?;
    let sha256 = hex_sha256(&bytes);
    if sha256 == record.sha256 {
        return Ok((bytes, sha256));
    }
    Err(GoldenError::NotTheSame(format!(
        "{} has changed: its SHA-256 is {sha256}, the manifest lists {} as {}",
        path.display(),
        record.file,
        record.sha256
    )))
}

fn same_model(executable: &Path, sha256: &str) -> Result<(), GoldenError> {
    #[derive(Deserialize)]
    struct Info {
        model_sha256: String,
    }
    let text = start(executable, Command::new(executable).arg("--info"))?;
    let info: Info = serde_json::from_slice(&text).map_err(|error| {
        GoldenError::Failed(format!("{} --info is not understood: {error}", executable.display()))
    })?;
    if info.model_sha256 == sha256 {
        return Ok(());
    }
    Err(GoldenError::NotTheSame(format!(
        "{} carries another model: SHA-256 {}, expected {sha256}; build it again",
        executable.display(),
        info.model_sha256
    )))
}

/// Runs a command to its end and gives its standard output.
fn start(executable: &Path, command: &mut Command) -> Result<Vec<u8>, GoldenError> {
    let done = command.stdin(Stdio::null()).output().map_err(|error| {
        GoldenError::NotStarted(format!("{} cannot be started: {error}", executable.display()))
    })?;
    if done.status.success() {
        return Ok(done.stdout);
    }
    Err(GoldenError::Failed(format!(
        "{} ended with {}: {}",
        executable.display(),
        done.status,
        String::from_utf8_lossy(&done.stderr).trim()
    )))
}

/// What the program makes of the inputs of a case.
fn run_case(executable: &Path, case: &GoldenCase) -> Result<NamedTensors, GoldenError> {
    let file = |fault: &dyn fmt::Display| GoldenError::File(fault.to_string());
    let folder = tempfile::tempdir().map_err(|error| file(&error))?;
    let path = |kind: &str, index: usize| folder.path().join(format!("{kind}-{index}.npy"));
    let mut command = Command::new(executable);
    for (index, (name, tensor)) in case.inputs.iter().enumerate() {
        let path = path("input", index);
        npy::write(&path, tensor).map_err(|fault| file(&fault))?;
        command.arg("--input").arg(assignment(name, path));
    }
    for (index, (name, _)) in case.outputs.iter().enumerate() {
        command.arg("--output").arg(assignment(name, path("output", index)));
    }
    start(executable, &mut command)?;
    let read = |(index, (name, recorded)): (usize, &(String, Tensor))| {
        let made = npy::read(&path("output", index), recorded.dtype());
        Ok((name.clone(), made.map_err(|fault| file(&fault))?))
    };
    case.outputs.iter().enumerate().map(read).collect()
}

fn assignment(name: &str, path: PathBuf) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(format!("{name}="));
    text.push(path);
    text
}
