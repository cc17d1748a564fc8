//! Compares a program's own answers with those that PyTorch gave when the model was converted.

mod compare;
mod read;

use std::{
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use ndarray::ArrayD;
use runner_core::Tensor;
use serde::Deserialize;

pub use compare::{Difference, Tolerance};
use read::{Case, Goldens};

use crate::{files, npy, session::hex_sha256};

const SCHEMA_VERSION: u32 = 1;

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

/// One output of one case.
#[derive(Debug, Clone)]
pub struct GoldenRow {
    /// Name of the case.
    pub case: String,
    /// Name of the output.
    pub output: String,
    /// How far the program is from PyTorch.
    pub difference: Difference,
    /// Whether that is within the tolerance.
    pub passed: bool,
}

/// Every output of every case.
#[derive(Debug, Clone)]
pub struct GoldenReport {
    /// What counts as equal.
    pub tolerance: Tolerance,
    /// One row an output and case; never empty.
    pub rows: Vec<GoldenRow>,
}

impl fmt::Display for GoldenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tolerance { mae, cosine_similarity } = self.tolerance;
        write!(f, "tolerance: MAE {mae:.1e}, cosine similarity {cosine_similarity}")?;
        for GoldenRow { case, output, difference, passed } in &self.rows {
            let verdict = if *passed { "pass" } else { "FAIL" };
            write!(f, "\n{verdict} {case} {output}: {difference}")?;
        }
        Ok(())
    }
}

/// Shows that `executable` gives what PyTorch gave: `model` and `golden` are the files that
/// `manifest` lists, the executable carries that model, and its answers to the recorded inputs
/// are within the tolerance that stands in the golden file.
///
/// # Errors
/// [`GoldenError`]; `Ok` means that everything passed.
pub fn check(
    executable: &Path,
    model: &Path,
    golden: &Path,
    manifest: &Path,
) -> Result<GoldenReport, GoldenError> {
    let listed = Manifest::read(manifest)?;
    let model_sha256 = same_file(model, listed.model()?)?.1;
    let golden_bytes = same_file(golden, &listed.goldens)?.0;
    let goldens = read::goldens(&golden_bytes)
        .map_err(|reason| GoldenError::File(format!("{}: {reason}", golden.display())))?;
    same_model(executable, &model_sha256)?;
    let mut rows = Vec::new();
    for case in &goldens.cases {
        rows.extend(run_case(executable, case, &goldens)?);
    }
    let report = GoldenReport { tolerance: goldens.tolerance, rows };
    if report.rows.iter().all(|row| row.passed) {
        return Ok(report);
    }
    Err(GoldenError::Different(report))
}

/// The part of a manifest that this check needs.
#[derive(Deserialize)]
struct Manifest {
    schema_version: u32,
    goldens: FileRecord,
    stages: Vec<Stage>,
}

#[derive(Deserialize)]
struct Stage {
    name: String,
    output: FileRecord,
}

#[derive(Deserialize)]
struct FileRecord {
    file: String,
    sha256: String,
}

impl Manifest {
    fn read(path: &Path) -> Result<Self, GoldenError> {
        let bad = |reason: String| GoldenError::File(format!("{}: {reason}", path.display()));
        let manifest: Self =
            serde_json::from_slice(&bytes_of(path)?).map_err(|error| bad(error.to_string()))?;
        if manifest.schema_version != SCHEMA_VERSION {
            return Err(bad(format!("has schema_version {}", manifest.schema_version)));
        }
        Ok(manifest)
    }

    /// The newest ONNX file.
    fn model(&self) -> Result<&FileRecord, GoldenError> {
        let onnx = self.stages.iter().rev().find(|stage| stage.name != "torchscript");
        let missing = || GoldenError::File("the manifest lists no ONNX file".to_owned());
        onnx.map(|stage| &stage.output).ok_or_else(missing)
    }
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

fn run_case(
    executable: &Path,
    case: &Case,
    goldens: &Goldens,
) -> Result<Vec<GoldenRow>, GoldenError> {
    let file = |fault: &dyn fmt::Display| GoldenError::File(fault.to_string());
    let folder = tempfile::tempdir().map_err(|error| file(&error))?;
    let path = |kind: &str, index: usize| folder.path().join(format!("{kind}-{index}.npy"));
    let mut command = Command::new(executable);
    for (index, (name, array)) in case.inputs.iter().enumerate() {
        let path = path("input", index);
        npy::write(&path, &Tensor::from(array.clone())).map_err(|fault| file(&fault))?;
        command.arg("--input").arg(assignment(name, path));
    }
    for (index, (name, _)) in case.outputs.iter().enumerate() {
        command.arg("--output").arg(assignment(name, path("output", index)));
    }
    start(executable, &mut command)?;
    let rows = case.outputs.iter().enumerate().map(|(index, (name, expected))| {
        let got: ArrayD<f32> = npy::read(&path("output", index)).map_err(|fault| file(&fault))?;
        let difference = Difference::of(&got, expected);
        let passed = difference.is_within(&goldens.tolerance);
        Ok(GoldenRow { case: case.name.clone(), output: name.clone(), difference, passed })
    });
    rows.collect()
}

fn assignment(name: &str, path: PathBuf) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(format!("{name}="));
    text.push(path);
    text
}
