use std::{
    fs::File,
    io::{self, Cursor, Read, Seek, SeekFrom},
    path::Path,
    sync::Arc,
};

use super::{
    Declaration,
    trailer::{End, read},
};
use crate::{
    LoadError, LoadErrorKind, ModelSource, RunnerConfig,
    content::{Content, open, unreadable},
};

/// A prepared file that is open, for the engine that it was prepared for.
#[derive(Debug)]
pub struct PreparedFile {
    /// What it says of itself.
    pub declaration: Declaration,
    /// Bytes before the declaration: the engine's own.
    pub length: u64,
    model: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File(File),
    Bytes(Arc<[u8]>),
}

impl PreparedFile {
    /// Opens a prepared file; `None` for one that is not prepared. `endings` are those of the
    /// engine's prepared files: one of them without a declaration is no whole file.
    ///
    /// # Errors
    /// As [`RunnerConfig::bytes`], [`LoadErrorKind::Corrupt`] for a file that is cut or damaged,
    /// [`LoadErrorKind::Unsupported`] for one that was prepared for another engine or version.
    pub fn open(
        config: &RunnerConfig,
        engine: &str,
        version: &str,
        endings: &[&str],
    ) -> Result<Option<Self>, LoadError> {
        let model = config.source.name();
        let corrupt = |message| Err(LoadError::new(LoadErrorKind::Corrupt, &model, message));
        let (source, end) = found(&config.source).map_err(|error| unreadable(&model, error))?;
        match end {
            End::Declared(declaration, length) => {
                declaration.expect(&model, engine, version)?;
                Ok(Some(Self { declaration: *declaration, length, model, source }))
            }
            End::Broken(reason) => corrupt(reason),
            End::Unmarked if ends_so(&config.source, endings) => corrupt(
                "it does not end as prepared files do: it is cut, or was made by other means. \
                 Prepare it again from the .onnx file"
                    .to_owned(),
            ),
            End::Unmarked => Ok(None),
        }
    }

    /// The engine's own bytes, from the first on.
    ///
    /// # Errors
    /// [`LoadErrorKind::Unreadable`].
    pub fn reader(&mut self) -> Result<impl Read + '_, LoadError> {
        let reader: Box<dyn Read + '_> = match &mut self.source {
            Source::Bytes(bytes) => Box::new(&bytes[..]),
            Source::File(file) => {
                file.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&self.model, error))?;
                Box::new(io::BufReader::with_capacity(1 << 16, file))
            }
        };
        Ok(reader.take(self.length))
    }

    /// The whole content, the declaration included; mapped where that is asked for and it is a
    /// file.
    ///
    /// # Errors
    /// [`LoadErrorKind::Unreadable`], also for a file that has become shorter.
    pub fn content(&mut self, mapped: bool) -> Result<Content, LoadError> {
        let content = match &mut self.source {
            Source::Bytes(bytes) => Content::Shared(Arc::clone(bytes)),
            Source::File(file) => {
                file.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&self.model, error))?;
                Content::of(file, mapped, &self.model)?
            }
        };
        if (content.len() as u64) < self.length {
            let message = "it became shorter while it was read";
            return Err(LoadError::new(LoadErrorKind::Unreadable, &self.model, message));
        }
        Ok(content)
    }
}

fn found(source: &ModelSource) -> io::Result<(Source, End)> {
    match source {
        ModelSource::Bytes { bytes, .. } => {
            let end = read(&mut Cursor::new(&bytes[..]), bytes.len() as u64)?;
            Ok((Source::Bytes(Arc::clone(bytes)), end))
        }
        ModelSource::Path(path) => {
            let mut file = open(path)?;
            let total = file.metadata()?.len();
            let end = read(&mut file, total)?;
            Ok((Source::File(file), end))
        }
    }
}

fn ends_so(source: &ModelSource, endings: &[&str]) -> bool {
    let ModelSource::Path(path) = source else { return false };
    let name = Path::file_name(path).map(|name| name.to_string_lossy().to_lowercase());
    name.is_some_and(|name| endings.iter().any(|ending| name.ends_with(&format!(".{ending}"))))
}
