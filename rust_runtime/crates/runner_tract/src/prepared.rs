//! Models in NNEF: the graph as tract has analysed and decluttered it, and a declaration behind it.

use std::{fs::File, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use runner_core::{
    Backend, LoadError, LoadErrorKind, RunnerConfig, guard_load,
    onnx::{OnnxModel, Signature, metadata},
    prepared::{self, Declaration, Prepared, PreparedFile},
};
use tract_onnx::prelude::*;

use crate::{
    NAME, VERSION,
    graph::{Graph, chain},
    nnef,
    plan::{Plans, symbolic_facts},
    read as read_onnx, runner,
};

/// The ending of such files.
pub(crate) const ENDING: &str = "nnef.tar";
/// The ending of such files that are compressed.
pub(crate) const COMPRESSED: &str = "nnef.tgz";

/// The file, where the model is a prepared one.
pub(crate) fn open(config: &RunnerConfig) -> Result<Option<PreparedFile>, LoadError> {
    PreparedFile::open(config, NAME, VERSION, &[ENDING, COMPRESSED])
}

/// What a prepared file declares, and its graph.
pub(crate) fn read(
    config: &RunnerConfig,
    mut file: PreparedFile,
) -> Result<(OnnxModel, Graph), LoadError> {
    let name = config.source.name();
    let corrupt = |message| LoadError::new(LoadErrorKind::Corrupt, &name, message);
    let length = file.length;
    let reader = file.reader()?;
    // What tract has written does not make it panic: this file is not as it was written.
    let model =
        guard_load(&name, || nnef::read(reader, length).map_err(|error| corrupt(chain(&error))))
            .map_err(|error| match error.kind() {
                LoadErrorKind::Panicked => corrupt(format!("it is damaged: {error}")),
                _ => error,
            })?;
    let declared = file.declaration.model();
    let known = model.inputs.iter().map(|outlet| &model.node(outlet.node).name);
    let fits = known.eq(declared.inputs.iter().map(|input| &input.name))
        && model.outputs.len() == declared.outputs.len();
    if fits {
        Ok((declared, Graph::Prepared(model)))
    } else {
        Err(corrupt("its graph has other inputs or outputs than it declares".to_owned()))
    }
}

/// Writes the model as tract analyses it with the shapes of the settings.
pub(crate) fn prepare(
    backend: &dyn Backend,
    config: &RunnerConfig,
    out: &Path,
) -> Result<Prepared, LoadError> {
    let name = config.source.name();
    let unsupported = |message| LoadError::new(LoadErrorKind::Unsupported, &name, message);
    if open(config)?.is_some() {
        return Err(unsupported("it is prepared already".to_owned()));
    }
    let (declared, graph) = read_onnx(config, config.content(false)?)?;
    let signature = Signature::new(config, &declared)?;
    let typed =
        graph.typed(symbolic_facts(&graph, &signature)).and_then(TypedModel::into_decluttered);
    let typed = typed.map_err(|error| {
        unsupported(format!("tract cannot analyse it for every shape: {}", chain(&error)))
    })?;
    let file = prepared::create(out, &name)?;
    write(&typed, out, file).map_err(|error| match error.downcast::<std::io::Error>() {
        Ok(error) => prepared::unwritable(out, &name, error),
        Err(error) => unsupported(format!("tract cannot write it as NNEF: {}", chain(&error))),
    })?;
    let (plans, known) = Plans::new(graph, &signature, config, 1)?;
    let info = runner(config, signature, declared, plans, &known)?.info;
    let pairs = metadata(&config.content(false)?).unwrap_or_default();
    prepared::finish(backend, config, out, Some(&Declaration::of(&info, pairs)))
}

fn write(model: &TypedModel, out: &Path, file: File) -> TractResult<()> {
    let name = out.file_name().map(|name| name.to_string_lossy().to_lowercase());
    if name.is_some_and(|name| name.ends_with("tgz")) {
        let encoder = GzEncoder::new(std::io::BufWriter::new(file), Compression::default());
        nnef::write(model, encoder)?.finish()?.flush()?;
    } else {
        nnef::write(model, std::io::BufWriter::new(file))?.flush()?;
    }
    Ok(())
}
