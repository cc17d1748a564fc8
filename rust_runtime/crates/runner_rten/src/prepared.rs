//! Models whose weights lie in the file as rten wants them in memory. It is an ONNX file that every
//! engine reads; rten has no form of its own for graphs that it has optimised.

use std::{
    collections::HashMap,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use runner_core::{
    Backend, Content, LoadError, LoadErrorKind, RunnerConfig,
    onnx::{ExternalData, OnnxModel, with_weights_aligned},
    prepared::{self, Prepared},
};

/// The ending of such files.
pub(crate) const ENDING: &str = "onnx";

/// Writes the model in one file with its weights aligned.
pub(crate) fn prepare(
    backend: &dyn Backend,
    config: &RunnerConfig,
    out: &Path,
) -> Result<Prepared, LoadError> {
    let name = config.source.name();
    if !config.input_shapes.is_empty() {
        let message = "rten keeps no shapes in a file: give them when the model is loaded";
        return Err(LoadError::new(LoadErrorKind::Unsupported, &name, message));
    }
    let bytes = config.content(false)?;
    let declared = OnnxModel::read(&name, &bytes)?;
    let external = ExternalData::resolve(config, &declared)?;
    let files = contents(&name, &external, false)?;
    let content = |location: &str| files.get(location).map(|content| &**content);
    let written = with_weights_aligned(&name, &bytes, &content)?;
    drop((bytes, files));
    let mut file = prepared::create(out, &name)?;
    file.write_all(&written).map_err(|error| prepared::unwritable(out, &name, error))?;
    drop(written);
    prepared::finish(backend, config, out, None)
}

/// What is in the model's other files, by the names that it has for them.
pub(crate) fn contents<'a>(
    model: &str,
    external: &'a ExternalData,
    mapped: bool,
) -> Result<HashMap<&'a str, Content>, LoadError> {
    let content = |(location, file): &'a (String, PathBuf)| {
        let mut file = File::open(file).map_err(|error| {
            let message = format!("external data {location:?}: {error}");
            LoadError::new(LoadErrorKind::Unreadable, model, message)
        })?;
        Ok((location.as_str(), Content::of(&mut file, mapped, model)?))
    };
    external.files.iter().map(content).collect()
}
