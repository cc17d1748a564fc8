//! The test cases of the ONNX project: a folder each, with a model, tensors and a tolerance.

mod attempt;
mod close;

use std::{fs, path::Path, path::PathBuf};

use runner_core::NamedTensors;
use runner_testkit::{GoldenCase, golden_cases};
use serde::{Deserialize, Serialize};

pub use attempt::{Caller, attempt};
pub use close::{Tolerance, close};

/// What `case.json` says beside the tensors.
#[derive(Debug, Clone, Deserialize)]
struct About {
    rtol: f64,
    atol: f64,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder's name, which is the ONNX project's name of the case.
    pub name: String,
    /// The model's file.
    pub model: PathBuf,
    /// How far outputs may be off.
    pub tolerance: Tolerance,
    /// Inputs with the expected outputs, in the graph's order.
    pub sets: Vec<GoldenCase>,
}

/// How a case ended; one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The case.
    pub case: String,
    /// Pass, or the step that failed.
    pub status: Status,
    /// The kind of our error; `engine` where the engine was called bare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The end of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every output is as expected.
    Pass,
    /// An output has another value, shape, element type or name.
    Mismatch,
    /// The model was refused.
    LoadError,
    /// The run was refused or failed.
    RunError,
    /// A panic came out of the call.
    Panicked,
    /// The case itself cannot be read.
    BadCase,
}

/// The folders of cases by name.
///
/// # Errors
/// The folder cannot be read, or holds nothing.
pub fn case_folders(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| Ok(entry.map_err(failed)?.path()));
    let mut folders: Vec<PathBuf> = paths.collect::<Result<_, String>>()?;
    folders.retain(|path| path.join("model.onnx").is_file());
    folders.sort();
    if folders.is_empty() {
        return Err(format!("{}: no cases here; export them first", folder.display()));
    }
    Ok(folders)
}

/// The last part of a case's folder.
pub fn case_name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// The file that is not there or does not fit.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let text = fs::read(folder.join("case.json")).map_err(|e| format!("case.json: {e}"))?;
        let about: About = serde_json::from_slice(&text).map_err(|e| format!("case.json: {e}"))?;
        let mut sets = golden_cases(&folder.join("case.safetensors"))?;
        for set in &mut sets {
            order(&mut set.inputs, &about.inputs);
            order(&mut set.outputs, &about.outputs);
        }
        let tolerance = Tolerance { rtol: about.rtol, atol: about.atol };
        Ok(Self { name: case_name(folder), model: folder.join("model.onnx"), tolerance, sets })
    }
}

fn order(tensors: &mut NamedTensors, names: &[String]) {
    tensors.sort_by_key(|(name, _)| names.iter().position(|known| known == name));
}
