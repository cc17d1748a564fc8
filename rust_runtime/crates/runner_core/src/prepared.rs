//! Models prepared ahead of time, in a form that one engine loads sooner or in less memory.
//!
//! The file is the engine's own format with a [`Declaration`] behind it: names, types and axes as
//! the unprepared model had them, its metadata, and which engine may read it. A prepared file is no
//! more trusted than any other model.

mod declaration;
mod file;
mod proof;
mod trailer;

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

pub use declaration::Declaration;
pub use file::PreparedFile;
pub use trailer::declaration_of;

use crate::{Backend, LoadError, LoadErrorKind, RunnerConfig};

/// A prepared model that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Makes an empty file for a prepared model; an older one is gone then.
///
/// # Errors
/// [`LoadErrorKind::FileSystem`].
pub fn create(out: &Path, model: &str) -> Result<File, LoadError> {
    File::create(out).map_err(|error| unwritable(out, model, error))
}

/// Ends a prepared model: writes the declaration behind what the engine wrote, where there is one,
/// flushes the file, and proves that the backend loads it as the same model.
///
/// # Errors
/// [`LoadErrorKind::FileSystem`] when it cannot be written, [`LoadErrorKind::Unsupported`] when
/// the engine reads another model from it than `config` gave.
pub fn finish(
    backend: &dyn Backend,
    config: &RunnerConfig,
    out: &Path,
    declaration: Option<&Declaration>,
) -> Result<Prepared, LoadError> {
    let model = config.source.name();
    let bytes = seal(out, declaration).map_err(|error| unwritable(out, &model, error))?;
    proof::prove(backend, config, out)?;
    Ok(Prepared { path: out.to_owned(), bytes })
}

fn seal(out: &Path, declaration: Option<&Declaration>) -> io::Result<u64> {
    let mut file = OpenOptions::new().append(true).open(out)?;
    if let Some(declaration) = declaration {
        file.write_all(&trailer::written(declaration)?)?;
    }
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// The error for a prepared file that cannot be written.
pub fn unwritable(out: &Path, model: &str, error: io::Error) -> LoadError {
    let message = format!("{} cannot be written: {error}", out.display());
    LoadError::new(LoadErrorKind::FileSystem, model, message).with_source(error)
}
