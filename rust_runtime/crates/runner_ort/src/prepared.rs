//! Models in ORT format: the graph as ONNX Runtime has optimised it, and a declaration behind it.

use std::path::Path;

use ort::session::builder::GraphOptimizationLevel;
use runner_core::{
    Backend, Device, LoadError, LoadErrorKind, ModelInfo, RunnerConfig,
    onnx::{Signature, metadata},
    prepared::{self, Declaration, Prepared, PreparedFile},
};

use crate::{
    NAME, OrtRunner,
    library::Engine,
    load::{builder, load_and_save, runner},
    refusal::refused,
    settings::Settings,
};

/// The ending of such files.
pub(crate) const ENDING: &str = "ort";
/// Stands at the fifth byte of every file in ORT format.
const IDENTIFIER: &[u8] = b"ORTM";
/// The engine reads the graph, and takes weights, from the bytes that it is given; they must live
/// as long as the session.
const IN_PLACE: [&str; 2] =
    ["session.use_ort_model_bytes_directly", "session.use_ort_model_bytes_for_initializers"];

/// The file, where the model is a prepared one.
pub(crate) fn open(
    config: &RunnerConfig,
    engine: &Engine,
) -> Result<Option<PreparedFile>, LoadError> {
    PreparedFile::open(config, NAME, &engine.version, &[ENDING])
}

pub(crate) fn load(
    config: &RunnerConfig,
    engine: &'static Engine,
    settings: &Settings,
    mut file: PreparedFile,
) -> Result<OrtRunner, LoadError> {
    let name = config.source.name();
    check(config, settings, &file.declaration)?;
    let declared = file.declaration.model();
    let signature = Signature::new(config, &declared)?;
    let content = file.content(settings.mmap)?;
    let length = usize::try_from(file.length).unwrap_or(usize::MAX);
    let bytes = &content[..length.min(content.len())];
    if bytes.get(4..8) != Some(IDENTIFIER) {
        let message = "there is no model in ORT format before its declaration";
        return Err(LoadError::new(LoadErrorKind::Corrupt, &name, message));
    }
    let session = builder(engine, config.device, settings)
        .and_then(|builder| {
            let mut entries = IN_PLACE.into_iter();
            entries.try_fold(builder, |builder, key| Ok(builder.with_config_entry(key, "1")?))
        })
        .and_then(|mut builder| builder.commit_from_memory(bytes))
        .map_err(|error| refused(config, &declared, false, error))?;
    let loaded = runner(config, engine, settings, signature, declared, session)?;
    Ok(loaded.keeping(content))
}

fn check(
    config: &RunnerConfig,
    settings: &Settings,
    declaration: &Declaration,
) -> Result<(), LoadError> {
    let error = |kind, message| Err(LoadError::new(kind, &config.source.name(), message));
    if config.device != Device::Cpu {
        let message = "it was prepared for the CPU: load the .onnx file on other devices";
        return error(LoadErrorKind::Unsupported, message.to_owned());
    }
    if settings.level_is_given {
        let message = "option graph_optimization is settled when a model is prepared: leave it out";
        return error(LoadErrorKind::InvalidOption, message.to_owned());
    }
    let (wanted, here) = (&declaration.machine, machine());
    if !wanted.is_empty() && *wanted != here {
        let message = format!(
            "it was prepared on {wanted}, this is {here}: prepare it again here, or with the \
             option graph_optimization=extended, which suits every processor"
        );
        return error(LoadErrorKind::Unsupported, message);
    }
    Ok(())
}

/// What the layouts that the engine chooses depend on.
fn machine() -> String {
    #[cfg(target_arch = "x86_64")]
    let vectors = match () {
        () if std::is_x86_feature_detected!("avx512f") => " with AVX-512",
        () if std::is_x86_feature_detected!("avx2") => " with AVX2",
        () => " without AVX2",
    };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = "";
    format!("{}{vectors}", std::env::consts::ARCH)
}

/// Writes the model as the engine optimises it by these settings.
pub(crate) fn prepare(
    backend: &dyn Backend,
    config: &RunnerConfig,
    engine: &'static Engine,
    settings: &Settings,
    out: &Path,
) -> Result<Prepared, LoadError> {
    let name = config.source.name();
    let unsupported = |message| Err(LoadError::new(LoadErrorKind::Unsupported, &name, message));
    if open(config, engine)?.is_some() {
        return unsupported("it is prepared already");
    }
    if config.device != Device::Cpu {
        return unsupported("ort prepares models for the CPU alone");
    }
    drop(prepared::create(out, &name)?);
    let info = load_and_save(config, engine, settings, out)?.info;
    let declaration = declare(config, settings, &info)?;
    prepared::finish(backend, config, out, Some(&declaration))
}

fn declare(
    config: &RunnerConfig,
    settings: &Settings,
    info: &ModelInfo,
) -> Result<Declaration, LoadError> {
    let pairs = metadata(&config.content(false)?).unwrap_or_default();
    let mut declaration = Declaration::of(info, pairs);
    if settings.optimization == GraphOptimizationLevel::All {
        declaration.machine = machine();
    }
    Ok(declaration)
}
