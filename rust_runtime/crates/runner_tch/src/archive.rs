//! The archive around a TorchScript module: whole or not, and what it says about itself.
//!
//! LibTorch's reader is C++ that trusts much of what it reads. Every entry is therefore read here
//! first, against its checksum, so that a damaged file never reaches it.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, ErrorKind, Read, Seek},
    path::Path,
};

use runner_core::{LoadError, LoadErrorKind, ModelSource, RunnerConfig};
use zip::{CompressionMethod, ZipArchive, read::ZipFile, result::ZipError};

/// The extra file in which `convert` describes inputs and outputs.
pub(crate) const DESCRIPTION: &str = "oxv.json";

/// A description is a few hundred bytes.
const MAX_DESCRIPTION: u64 = 1 << 20;

/// LibTorch compresses code only; more of it than this is a trap.
const MAX_COMPRESSED: u64 = 256 << 20;

/// Reads the whole file and gives the description inside, where there is one.
///
/// # Errors
/// [`LoadErrorKind::NotFound`], [`LoadErrorKind::Unreadable`], or [`LoadErrorKind::Corrupt`] for
/// anything that is not an undamaged TorchScript archive.
pub(crate) fn read(config: &RunnerConfig) -> Result<Option<Vec<u8>>, LoadError> {
    let found = match &config.source {
        ModelSource::Bytes { bytes, .. } => scan(Cursor::new(bytes)),
        ModelSource::Path(path) => open(path).and_then(scan),
    };
    found.map_err(|fault| fault.about(&config.source.name()))
}

/// Why an archive is refused.
struct Fault(LoadErrorKind, String);

impl Fault {
    fn about(self, model: &str) -> LoadError {
        LoadError::new(self.0, model, self.1)
    }

    fn corrupt(reason: impl std::fmt::Display) -> Self {
        Self(LoadErrorKind::Corrupt, format!("not a TorchScript file: {reason}"))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self(LoadErrorKind::NotFound, error.to_string()),
            // The archive's own offsets, when they lead nowhere.
            ErrorKind::InvalidInput => Self::corrupt(error),
            _ if error.raw_os_error().is_some() => {
                Self(LoadErrorKind::Unreadable, error.to_string())
            }
            _ => Self::corrupt(error),
        }
    }
}

impl From<ZipError> for Fault {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => error.into(),
            other => Self::corrupt(other),
        }
    }
}

fn open(path: &Path) -> Result<BufReader<File>, Fault> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(Fault(LoadErrorKind::Unreadable, "it is not a file".to_owned()));
    }
    Ok(BufReader::new(File::open(path)?))
}

fn scan(file: impl Read + Seek) -> Result<Option<Vec<u8>>, Fault> {
    let mut archive = ZipArchive::new(file)?;
    let mut description = None;
    let (mut code, mut data, mut unpacked) = (false, false, 0_u64);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        if entry.compression() != CompressionMethod::Stored {
            unpacked = unpacked.saturating_add(entry.size());
        }
        if unpacked > MAX_COMPRESSED {
            return Err(Fault::corrupt("its code unpacks to more than any program has"));
        }
        // The archive's own folder comes first in every name.
        let name = entry.name().split_once('/').map_or("", |(_, name)| name).to_owned();
        code |= name.starts_with("code/");
        data |= name == "data.pkl";
        if name.strip_prefix("extra/") == Some(DESCRIPTION) {
            description = Some(content(&mut entry)?);
        } else {
            copy(&mut entry, &mut io::sink())?;
        }
    }
    match (code, data) {
        (true, true) => Ok(description),
        (false, true) => Err(Fault::corrupt(
            "it holds tensors but no code, so it is a checkpoint (state dict): convert the \
             network that it belongs to",
        )),
        _ => Err(Fault::corrupt("the archive holds no module")),
    }
}

fn content(entry: &mut ZipFile<'_>) -> Result<Vec<u8>, Fault> {
    if entry.size() > MAX_DESCRIPTION {
        return Err(Fault::corrupt(format!("its {DESCRIPTION} has {} bytes", entry.size())));
    }
    let mut content = Vec::new();
    copy(entry, &mut content)?;
    Ok(content)
}

/// Copies an entry up to its declared length; the checksum is compared when its end is met.
fn copy(entry: &mut ZipFile<'_>, to: &mut impl io::Write) -> Result<(), Fault> {
    let size = entry.size();
    let copied = io::copy(&mut entry.take(size.saturating_add(1)), to)?;
    if copied == size {
        return Ok(());
    }
    Err(Fault::corrupt(format!("{} holds {copied} bytes or more, not {size}", entry.name())))
}
