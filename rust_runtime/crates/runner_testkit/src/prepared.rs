//! The test data once more, prepared by an engine, so that the same suite runs on prepared models.

use std::{fs, io, path::Path};

use runner_core::{Backend, LoadErrorKind, RunnerConfig};
use tempfile::TempDir;

/// Writes every model of `testdata` as `backend` prepares it, into a folder of the same form, with
/// the ending `format`. A model that the engine cannot prepare is left out; one that it cannot load
/// at all is there as it was. What is hostile is made for formats other than `onnx`.
///
/// # Errors
/// What could not be read, written or prepared.
pub fn prepared_testdata(
    backend: &dyn Backend,
    testdata: &Path,
    format: &str,
) -> Result<TempDir, String> {
    let root = tempfile::tempdir().map_err(text)?;
    for folder in ["models", "hostile"] {
        fs::create_dir(root.path().join(folder)).map_err(text)?;
        copy(&testdata.join(folder), &root.path().join(folder)).map_err(text)?;
    }
    let models = root.path().join("models");
    for entry in fs::read_dir(testdata.join("models")).map_err(text)? {
        let model = entry.map_err(text)?.path();
        if model.extension().is_some_and(|ending| ending == "onnx") {
            let out = models.join(model.with_extension(format).file_name().unwrap_or_default());
            prepare(backend, &model, &out)?;
        }
    }
    if format != "onnx" {
        let file = |name: &str| root.path().join("hostile").join(format!("{name}.{format}"));
        let whole = fs::read(models.join(format!("residual.{format}"))).map_err(text)?;
        fs::write(file("empty"), []).map_err(text)?;
        fs::write(file("truncated"), &whole[..whole.len() / 2]).map_err(text)?;
        fs::copy(testdata.join("hostile/random.onnx"), file("random")).map_err(text)?;
    }
    Ok(root)
}

fn prepare(backend: &dyn Backend, model: &Path, out: &Path) -> Result<(), String> {
    let config = RunnerConfig::from_path(model);
    if backend.load(&config).is_err() {
        return Ok(());
    }
    let prepared = match backend.prepare(&config, out) {
        Ok(prepared) => prepared,
        Err(error) if error.kind() == LoadErrorKind::Unsupported => {
            return fs::remove_file(out).or_else(absent).map_err(text);
        }
        Err(error) => return Err(error.to_string()),
    };
    let bytes = out.metadata().map_err(text)?.len();
    if prepared.path == out && prepared.bytes == bytes {
        Ok(())
    } else {
        Err(format!("{prepared:?} is {bytes} bytes at {}", out.display()))
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let file = entry?.path();
        fs::copy(&file, to.join(file.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[allow(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn text(error: io::Error) -> String {
    error.to_string()
}
