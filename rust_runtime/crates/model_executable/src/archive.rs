use std::{
    fs::{self, File},
    io::Cursor,
    ops::Range,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use sha2::{Digest, Sha256};
use vision_program::{Exit, Fault};
use zip::ZipArchive;

const MARK: &[u8] = b"sha256:";
const DIGITS: usize = 64;

/// The ZIP archive at the end of a program, whole: its sum was compared.
pub(crate) struct Archive {
    map: Mmap,
    parts: Vec<(String, Range<usize>)>,
}

impl Archive {
    /// The archive of the file that this process runs.
    pub(crate) fn of_this_program() -> Result<Self, Fault> {
        let path = std::env::current_exe().or_else(|error| started_as().ok_or(error));
        let path = path.map_err(|error| {
            Fault::new(Exit::FileSystem, format!("this program does not find its file: {error}"))
                .with_hint("Start it by its path.")
        })?;
        Self::open(&path)
    }

    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let unreadable = |error: std::io::Error| {
            Fault::new(Exit::FileSystem, format!("{} cannot be read: {error}", path.display()))
        };
        let file = File::open(path).map_err(unreadable)?;
        // SAFETY: a program's own file is not written to while it runs; who does that on purpose
        // can replace the program as well.
        #[allow(unsafe_code, reason = "a copy would take as much memory again as the model")]
        let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
        let name = path.file_name().map_or_else(Default::default, |name| name.to_string_lossy());
        check_sum(&map).map_err(|reason| damaged(&name, &reason))?;
        let parts = parts_of(&map).map_err(|error| damaged(&name, &error.to_string()))?;
        Ok(Self { map, parts })
    }

    /// A part by its name.
    pub(crate) fn part(&self, name: &str) -> Result<&[u8], Fault> {
        let found = self.parts.iter().find(|(own, _)| own == name);
        let bytes = found.and_then(|(_, range)| self.map.get(range.clone()));
        bytes.ok_or_else(|| {
            Fault::new(Exit::CheckFailed, format!("this file carries no {name}"))
                .with_hint("Make it with `oxidizedvision package --kind executable`.")
        })
    }

    /// Writes every part into a folder that is not there yet.
    pub(crate) fn extract(&self, folder: &Path) -> Result<String, Fault> {
        let failed = |path: &Path, error: &std::io::Error| {
            Fault::new(Exit::FileSystem, format!("{}: {error}", path.display()))
        };
        fs::create_dir(folder).map_err(|error| failed(folder, &error))?;
        let mut lines = Vec::new();
        for (name, range) in &self.parts {
            let path = folder.join(name);
            let bytes = self.map.get(range.clone()).unwrap_or_default();
            fs::write(&path, bytes).map_err(|error| failed(&path, &error))?;
            lines.push(format!("{} ({} bytes)", path.display(), bytes.len()));
        }
        Ok(lines.join("\n"))
    }
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

fn damaged(name: &str, reason: &str) -> Fault {
    Fault::new(Exit::CheckFailed, format!("{name} is damaged: {reason}"))
        .with_hint("Copy it again from where it was made, or make it again.")
}

/// Compares the sum at the end with that of all that stands before it.
fn check_sum(file: &[u8]) -> Result<(), String> {
    let short = || "it carries no model".to_owned();
    let (summed, digits) =
        file.split_at_checked(file.len().wrapping_sub(DIGITS)).ok_or_else(short)?;
    if !summed.ends_with(MARK) {
        return Err(short());
    }
    let found = format!("{:x}", Sha256::digest(summed));
    if found.as_bytes() == digits {
        return Ok(());
    }
    let written = String::from_utf8_lossy(digits);
    Err(format!("its SHA-256 is {found}, and {written} was written at its end"))
}

/// Where the parts stand; none is compressed, and each has a plain name.
fn parts_of(file: &[u8]) -> Result<Vec<(String, Range<usize>)>, Box<dyn std::error::Error>> {
    let mut archive = ZipArchive::new(Cursor::new(file))?;
    let mut parts = Vec::new();
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index)?;
        let name = part.name().to_owned();
        if part.compression() != zip::CompressionMethod::Stored || name.contains(['/', '\\']) {
            return Err(format!("its part {name:?} is not one of ours").into());
        }
        let start = usize::try_from(part.data_start())?;
        let length = usize::try_from(part.size())?;
        parts.push((name, start..start.saturating_add(length)));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::{ZipWriter, write::FileOptions};

    use super::*;

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
        Archive::open(&path)
    }

    #[test]
    fn parts_are_found_by_name_and_extracted_into_a_new_folder() {
        let archive = opened(&file()).unwrap();
        assert_eq!(archive.part("model.onnx").unwrap(), b"some model");
        assert_eq!(archive.part("other").unwrap_err().exit(), Exit::CheckFailed);
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        archive.extract(&out).unwrap();
        assert_eq!(fs::read(out.join("model.onnx")).unwrap(), b"some model");
        assert_eq!(archive.extract(&out).unwrap_err().exit(), Exit::FileSystem);
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
