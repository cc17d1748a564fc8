use std::{
    error::Error,
    fs::{self, File},
    io::{self, BufReader},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytemuck::allocation::zeroed_arc_slice;
use tempfile::TempDir;
use vision_program::{Exit, Fault};
use zip::ZipArchive;

use crate::sum::{Sum, damaged, read_at, unreadable};

/// The ZIP archive at the end of a program.
pub(crate) struct Archive {
    path: PathBuf,
    /// What is summed up is what is read, though the path may lead elsewhere by then.
    file: Arc<File>,
    parts: Vec<Part>,
}

/// A part's name, and where it stands in the file.
struct Part {
    name: String,
    place: Range<u64>,
}

impl Archive {
    /// The archive of the file that this process runs, and the comparison of its sum, which goes on:
    /// nothing may be told before it is done.
    pub(crate) fn of_this_program() -> Result<(Self, Sum), Fault> {
        let path = std::env::current_exe().or_else(|error| started_as().ok_or(error));
        let path = path.map_err(|error| {
            Fault::new(Exit::FileSystem, format!("this program does not find its file: {error}"))
                .with_hint("Start it by its path.")
        })?;
        let file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
        let file = Arc::new(file);
        let sum = Sum::of(&path, &file);
        let archive = Self::of(path, file).inspect_err(|_| sum.wait())?;
        Ok((archive, sum))
    }

    fn of(path: PathBuf, file: Arc<File>) -> Result<Self, Fault> {
        let parts = parts_of(&file).map_err(|error| damaged(&path, &error.to_string()))?;
        Ok(Self { path, file, parts })
    }

    /// A part by its name. It is read anew each time, so that nothing is held that is not used.
    pub(crate) fn part(&self, name: &str) -> Result<Arc<[u8]>, Fault> {
        let part = self.parts.iter().find(|part| part.name == name).ok_or_else(|| {
            Fault::new(Exit::CheckFailed, format!("this file carries no {name}"))
                .with_hint("Make it with `oxidizedvision package --kind executable`.")
        })?;
        self.read(part).map_err(|error| unreadable(&self.path, &error))
    }

    fn read(&self, part: &Part) -> io::Result<Arc<[u8]>> {
        let length =
            usize::try_from(part.place.end - part.place.start).map_err(io::Error::other)?;
        let mut bytes = zeroed_arc_slice(length);
        if let Some(bytes) = Arc::get_mut(&mut bytes) {
            read_at(&self.file, bytes, part.place.start)?;
        }
        Ok(bytes)
    }

    /// Writes every part into a new folder, which appears once it is whole.
    pub(crate) fn extract(&self, folder: &Path) -> Result<Vec<PathBuf>, Fault> {
        let failed = |path: &Path, error: &io::Error| {
            let message = format!("{} cannot be written: {error}", path.display());
            Fault::new(Exit::FileSystem, message)
        };
        let mut staging = staging(folder)?;
        for part in &self.parts {
            let bytes = self.part(&part.name)?;
            fs::write(staging.path().join(&part.name), &bytes)
                .map_err(|error| failed(&folder.join(&part.name), &error))?;
        }
        fs::rename(staging.path(), folder).map_err(|error| failed(folder, &error))?;
        staging.disable_cleanup(true);
        Ok(self.parts.iter().map(|part| folder.join(&part.name)).collect())
    }
}

/// A folder beside a new one, which goes away unless it becomes that one.
fn staging(folder: &Path) -> Result<TempDir, Fault> {
    let refused = |why: &str| Fault::new(Exit::FileSystem, format!("{} {why}", folder.display()));
    if folder.symlink_metadata().is_ok() {
        return Err(refused("is there already").with_hint("Name a new folder."));
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(refused("cannot be made: the folder that it is to be in is not there")
            .with_hint(format!("Make the folder {} first.", parent.display())));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.tempdir_in(parent).map_err(|error| {
        // The path of the folder beside it says nothing to anybody.
        refused(&format!("cannot be made: {}", io::Error::from(error.kind())))
    })
}

/// The path that this process was started by, where there is no /proc to ask.
#[cfg(target_os = "linux")]
fn started_as() -> Option<PathBuf> {
    use std::{ffi::CStr, os::unix::ffi::OsStrExt};

    // SAFETY: the kernel gives every process this string, which stays where it is.
    #[allow(unsafe_code, reason = "the standard library asks /proc only")]
    let name = unsafe {
        let name = libc::getauxval(libc::AT_EXECFN) as *const libc::c_char;
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes())))
}

#[cfg(not(target_os = "linux"))]
fn started_as() -> Option<PathBuf> {
    None
}

/// Where the parts stand; none is compressed, and each has a plain name.
fn parts_of(file: &File) -> Result<Vec<Part>, Box<dyn Error>> {
    let mut archive = ZipArchive::new(BufReader::new(file))?;
    let mut parts = Vec::new();
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index)?;
        let name = part.name().to_owned();
        if part.compression() != zip::CompressionMethod::Stored || name.contains(['/', '\\']) {
            return Err(format!("its part {name:?} is not one of ours").into());
        }
        let start = part.data_start();
        parts.push(Part { name, place: start..start.saturating_add(part.size()) });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use sha2::{Digest, Sha256};
    use zip::{ZipWriter, write::FileOptions};

    use super::*;
    use crate::sum::{DIGITS, MARK, compare};

    /// A program's bytes and an archive, as the Python client writes them.
    fn file() -> Vec<u8> {
        let mut file = Cursor::new(b"\x7fELF and more".to_vec());
        file.set_position(file.get_ref().len() as u64);
        let mut writer = ZipWriter::new(file);
        let stored = FileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, content) in [("a.json", "{}"), ("model.onnx", "some model")] {
            writer.start_file(name, stored).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.set_raw_comment([MARK, &[b'0'; DIGITS]].concat());
        let mut bytes = writer.finish().unwrap().into_inner();
        let summed = bytes.len() - DIGITS;
        let sum = format!("{:x}", Sha256::digest(&bytes[..summed]));
        bytes[summed..].copy_from_slice(sum.as_bytes());
        bytes
    }

    fn opened(bytes: &[u8]) -> Result<Archive, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::write(&path, bytes).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        compare(&path, &file)?;
        Archive::of(path, file)
    }

    #[test]
    fn parts_are_found_by_name_and_extracted_into_a_new_folder() {
        let archive = opened(&file()).unwrap();
        assert_eq!(&archive.part("model.onnx").unwrap()[..], b"some model");
        assert_eq!(archive.part("other").unwrap_err().exit(), Exit::CheckFailed);
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        archive.extract(&out).unwrap();
        assert_eq!(fs::read(out.join("model.onnx")).unwrap(), b"some model");
        let again = archive.extract(&out).unwrap_err();
        assert_eq!((again.exit(), again.hint()), (Exit::FileSystem, Some("Name a new folder.")));
        let nowhere = archive.extract(&folder.path().join("a/b")).unwrap_err();
        assert!(nowhere.hint().unwrap().contains("first"), "{nowhere}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_extraction_that_fails_leaves_nothing() {
        let mut archive = opened(&file()).unwrap();
        archive.parts[1].place = 1 << 20..(1 << 20) + 8;
        let folder = tempfile::tempdir().unwrap();
        archive.extract(&folder.path().join("out")).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn an_extracted_folder_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let (out, other) = (folder.path().join("out"), folder.path().join("other"));
        opened(&file()).unwrap().extract(&out).unwrap();
        fs::create_dir(&other).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&out), mode(&other));
    }

    #[test]
    fn every_flipped_byte_is_found() {
        let whole = file();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x20;
            let fault = opened(&bytes).err().unwrap();
            assert_eq!(fault.exit(), Exit::CheckFailed, "{place}");
        }
    }

    #[test]
    fn what_is_cut_short_or_carries_nothing_is_refused() {
        let whole = file();
        for length in [0, 1, 63, 64, 71, whole.len() - 1] {
            assert!(opened(&whole[..length]).is_err(), "{length}");
        }
    }
}
