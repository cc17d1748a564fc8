use std::{
    fs::File,
    io::{self, Read},
    ops::Deref,
    path::Path,
    sync::Arc,
};

use memmap2::Mmap;

use crate::{LoadError, LoadErrorKind, ModelSource, RunnerConfig};

/// A model's file, whole: read into memory, or mapped.
#[derive(Debug)]
pub enum Content {
    /// Read from a file.
    Owned(Vec<u8>),
    /// As it came.
    Shared(Arc<[u8]>),
    /// The file itself, which is read as far as it is used. A file that is cut short while it is
    /// mapped ends the process; one that is replaced by another (written beside it and renamed)
    /// does not.
    Mapped(Mmap),
}

impl Content {
    /// Reads a file that is open, or maps it; `model` stands in errors.
    ///
    /// # Errors
    /// [`LoadErrorKind::Unreadable`] when it cannot be read or mapped.
    pub fn of(file: &mut File, mapped: bool, model: &str) -> Result<Self, LoadError> {
        let read = if mapped { map(file).map(Self::Mapped) } else { read(file).map(Self::Owned) };
        read.map_err(|error| unreadable(model, error))
    }

    /// The bytes in memory of their own; those that were read are not copied.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Owned(bytes) => bytes,
            other => other.to_vec(),
        }
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }
}

fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map(|_| bytes)
}

fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes are those of a file that others could change or cut. Whoever asks for a
    // mapping accepts that, as `Content::Mapped` says; no other memory is reached.
    unsafe { Mmap::map(file) }
}

impl RunnerConfig {
    /// The model's content, mapped where that is asked for and the model is a file.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub fn content(&self, mapped: bool) -> Result<Content, LoadError> {
        match &self.source {
            ModelSource::Bytes { bytes, .. } => Ok(Content::Shared(Arc::clone(bytes))),
            ModelSource::Path(path) => {
                let model = self.source.name();
                let mut file = open(path).map_err(|error| unreadable(&model, error))?;
                Content::of(&mut file, mapped, &model)
            }
        }
    }
}

/// Opens a file. Opening a pipe would wait for its other end, and a device may never end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is a pipe or a device and no file"));
    }
    File::open(path)
}

pub(crate) fn unreadable(model: &str, error: io::Error) -> LoadError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => LoadErrorKind::NotFound,
        _ => LoadErrorKind::Unreadable,
    };
    LoadError::new(kind, model, error.to_string()).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_read_and_mapped() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let config = RunnerConfig::from_path(&path);
        let expected = std::fs::read(&path).unwrap();
        for mapped in [false, true] {
            let content = config.content(mapped).unwrap();
            assert_eq!(matches!(content, Content::Mapped(_)), mapped);
            assert_eq!(&*content, expected);
            assert_eq!(content.into_vec(), expected);
        }
        let shared = RunnerConfig::from_bytes("m", vec![1, 2]).content(true).unwrap();
        assert!(matches!(shared, Content::Shared(_)) && *shared == [1, 2]);
    }

    #[test]
    fn what_is_no_file_is_told_by_kind() {
        for (path, kind) in [
            ("no/such/model.onnx", LoadErrorKind::NotFound),
            (env!("CARGO_MANIFEST_DIR"), LoadErrorKind::Unreadable),
        ] {
            for mapped in [false, true] {
                let error = RunnerConfig::from_path(path).content(mapped).unwrap_err();
                assert_eq!(error.kind(), kind, "{path}");
            }
        }
    }
}
