//! What a model's inputs and outputs are: the description in the file, else the manifest beside
//! it, else the one shape that the user gives.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use runner_core::{
    AxisRange, DType, Dim, LoadError, LoadErrorKind, ModelSource, RunnerConfig, TensorSpec,
    onnx::{Declared, OnnxModel, Signature},
};
use serde::Deserialize;

use crate::archive::DESCRIPTION;

/// The version of both files that this program reads.
const SCHEMA_VERSION: u64 = 1;

/// The ending of a manifest's name.
const MANIFEST: &str = ".oxv.json";

/// What is known of a model before it is loaded.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) inputs: Vec<TensorSpec>,
    pub(crate) outputs: Outputs,
    pub(crate) axes: BTreeMap<String, AxisRange>,
}

/// A model's outputs, or how to learn them.
#[derive(Debug)]
pub(crate) enum Outputs {
    Known(Vec<TensorSpec>),
    /// By a run on zeros of this shape.
    MeasuredOn(Vec<usize>),
}

/// The part that description and manifest share.
#[derive(Debug, Deserialize)]
struct Description {
    schema_version: u64,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    #[serde(default)]
    axes: BTreeMap<String, AxisRange>,
    #[serde(default)]
    stages: Vec<Stage>,
}

#[derive(Debug, Deserialize)]
struct Stage {
    output: Output,
}

#[derive(Debug, Deserialize)]
struct Output {
    file: String,
}

/// Finds the specs, with [`RunnerConfig::input_shapes`] in place of the symbols that they fix.
///
/// # Errors
/// [`LoadErrorKind::InvalidOption`] when nothing tells them, [`LoadErrorKind::Corrupt`] for a
/// description or manifest that cannot be read, [`LoadErrorKind::ShapeMismatch`] for a shape that
/// does not fit.
pub(crate) fn describe(
    config: &RunnerConfig,
    description: Option<Vec<u8>>,
) -> Result<Described, LoadError> {
    let found = match description {
        Some(json) => Some(parse(&config.source.name(), DESCRIPTION, &json)?),
        None => beside(config)?,
    };
    match found {
        Some(found) => fixed(config, found),
        None => given(config),
    }
}

fn parse(model: &str, file: &str, json: &[u8]) -> Result<Description, LoadError> {
    let corrupt = |reason: String| {
        let message = format!("its {file} cannot be used: {reason}; convert the model again");
        LoadError::new(LoadErrorKind::Corrupt, model, message)
    };
    let found: Description =
        serde_json::from_slice(json).map_err(|error| corrupt(error.to_string()))?;
    if found.schema_version != SCHEMA_VERSION {
        let (version, known) = (found.schema_version, SCHEMA_VERSION);
        return Err(corrupt(format!("schema_version is {version}, this program reads {known}")));
    }
    for specs in [&found.inputs, &found.outputs] {
        let mut names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() || names.len() != specs.len() {
            return Err(corrupt("inputs or outputs are missing or named twice".to_owned()));
        }
    }
    Ok(found)
}

/// The manifest that lists the model: the one of its own name, else any other of its folder.
fn beside(config: &RunnerConfig) -> Result<Option<Description>, LoadError> {
    let ModelSource::Path(path) = &config.source else {
        return Ok(None);
    };
    let name = config.source.name();
    for manifest in manifests(path) {
        let file = manifest.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let json = fs::read(&manifest).map_err(|error| {
            let message = format!("its manifest {file}: {error}");
            LoadError::new(LoadErrorKind::Unreadable, &name, message)
        })?;
        let found = parse(&name, &file, &json)?;
        if found.stages.iter().any(|stage| stage.output.file == name) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn manifests(model: &Path) -> Vec<PathBuf> {
    let stem = model.file_stem().unwrap_or_default().to_string_lossy();
    let own = model.with_file_name(format!("{stem}{MANIFEST}"));
    let folder = model.parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = fs::read_dir(folder.unwrap_or(Path::new(".")));
    let mut others: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(MANIFEST))
        .filter(|path| path.file_name() != own.file_name())
        .collect();
    others.sort();
    let own = own.is_file().then_some(own);
    own.into_iter().chain(others).collect()
}

/// Fits the shapes that the user gives; the signature is that of the ONNX engines, so that the
/// same shapes mean the same to every engine.
fn fixed(config: &RunnerConfig, found: Description) -> Result<Described, LoadError> {
    let declared = |specs: Vec<TensorSpec>| {
        let declare = |spec: TensorSpec| Declared {
            name: spec.name,
            dtype: Some(spec.dtype),
            dims: Some(spec.dims),
        };
        specs.into_iter().map(declare).collect()
    };
    let model = OnnxModel {
        inputs: declared(found.inputs),
        outputs: declared(found.outputs),
        axes: found.axes,
        ..OnnxModel::default()
    };
    let signature = Signature::new(config, &model)?;
    let outputs = signature.outputs(config, &model, &[])?;
    let Signature { inputs, axes, .. } = signature;
    Ok(Described { inputs, outputs: Outputs::Known(outputs), axes })
}

/// One f32 input of the shape that the user gives.
fn given(config: &RunnerConfig) -> Result<Described, LoadError> {
    let refuse = |kind, message: &str| Err(LoadError::new(kind, &config.source.name(), message));
    let mut shapes = config.input_shapes.iter();
    let (Some((name, shape)), None) = (shapes.next(), shapes.next()) else {
        let message = "the file does not say what its inputs are, and no manifest beside it lists \
                       it: convert the model again, which writes it into the file, or give \
                       input_shapes with its one input";
        return refuse(LoadErrorKind::InvalidOption, message);
    };
    if shape.contains(&0) {
        let message = format!("the shape {shape:?} given for {name:?} has a length of 0");
        return refuse(LoadErrorKind::ShapeMismatch, &message);
    }
    let dims = shape.iter().copied().map(Dim::Fixed).collect();
    let inputs = vec![TensorSpec { name: name.clone(), dtype: DType::F32, dims }];
    let outputs = Outputs::MeasuredOn(shape.clone());
    Ok(Described { inputs, outputs, axes: BTreeMap::new() })
}

#[cfg(test)]
mod tests;
